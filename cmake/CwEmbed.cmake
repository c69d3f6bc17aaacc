# CwEmbed.cmake - files that become part of the program.

# What has to be made before sources can be read by other tools (scripts/lint).
add_custom_target(cw_generated)

# cw_embed_files(<target> <symbol> <file>...)
#
# Gives <target> the header <symbol>.h with `extern const char <symbol>[]` (with a NUL behind it) and
# `extern const size_t <symbol>_size` (without it), holding the bytes of the files in a row.
function(cw_embed_files target symbol)
    set(inputs "")
    foreach(file IN LISTS ARGN)
        cmake_path(ABSOLUTE_PATH file)
        list(APPEND inputs ${file})
    endforeach()
    set(output ${PROJECT_BINARY_DIR}/generated/embedded)
    set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
    add_custom_command(
        OUTPUT ${output}/${symbol}.c ${output}/${symbol}.h
        COMMAND ${CMAKE_COMMAND} "-DINPUTS=${inputs}" -DOUTPUT=${output} -DSYMBOL=${symbol} -P ${script}
        DEPENDS ${inputs} ${script}
        COMMENT "Embedding ${ARGN}"
        VERBATIM)
    add_custom_target(${symbol}_files DEPENDS ${output}/${symbol}.c ${output}/${symbol}.h)
    add_dependencies(cw_generated ${symbol}_files)
    target_sources(${target} PRIVATE ${output}/${symbol}.c ${output}/${symbol}.h)
    target_include_directories(${target} PRIVATE ${output})
endfunction()
