# CwEmbed.cmake - files that become part of the program.

# cw_embed_file(<target> <file> <symbol>)
#
# Gives <target> the header <symbol>.h with `extern const char <symbol>[]` (with a NUL behind it) and
# `extern const size_t <symbol>_size` (without it), holding the bytes of <file>.
function(cw_embed_file target file symbol)
    get_filename_component(input ${file} ABSOLUTE)
    set(output ${PROJECT_BINARY_DIR}/generated/embedded)
    set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
    add_custom_command(
        OUTPUT ${output}/${symbol}.c ${output}/${symbol}.h
        COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DSYMBOL=${symbol} -P ${script}
        DEPENDS ${input} ${script}
        COMMENT "Embedding ${file}"
        VERBATIM)
    target_sources(${target} PRIVATE ${output}/${symbol}.c ${output}/${symbol}.h)
    target_include_directories(${target} PRIVATE ${output})
endfunction()
