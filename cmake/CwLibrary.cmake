# CwLibrary.cmake - libchanway: all of cluster/ and gateway/ as one library, static and shared.
#
# Both are made of one object: our objects, with what they need of those third-party libraries that
# are there as archives (those that scripts/deps has built), and then every symbol made local that no
# public header declares. So an application can have another libwebsockets, hiredis or yyjson beside
# it, whichever way it links, and chanwayd can use no more than everybody.

include(GNUInstallDirs)

# cw_find_needs(<target>...): what they link, in cw_archives (files that go into the object),
# cw_libraries (what it is linked with: files, or names as for -l), cw_modules (pkg-config's names for
# as many of those as have one) and cw_other_libraries (the rest of them).
function(cw_find_needs)
    set(queue ${ARGN})
    set(seen "")
    while(queue)
        list(POP_FRONT queue item)
        string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" item "${item}")
        if(item IN_LIST seen)
            continue()
        endif()
        list(APPEND seen ${item})
        if(TARGET ${item})
            foreach(property IN ITEMS LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
                get_target_property(links ${item} ${property})
                if(links)
                    list(APPEND queue ${links})
                endif()
            endforeach()
        endif()
    endwhile()

    set(archives ${seen})
    list(FILTER archives INCLUDE REGEX "\\.a$")
    set(libraries ${seen})
    list(FILTER libraries INCLUDE REGEX "\\.so[.0-9]*$|^m$")
    set(modules "")
    set(others ${libraries})
    foreach(item IN LISTS seen)
        if(item MATCHES "^cw::(.*)")
            get_target_property(files PkgConfig::CW_${CMAKE_MATCH_1} INTERFACE_LINK_LIBRARIES)
            if(NOT files MATCHES "\\.a(;|$)")
                get_target_property(module ${item} CW_MODULE)
                list(APPEND modules ${module})
                list(REMOVE_ITEM others ${files})
            endif()
        endif()
    endforeach()
    set(cw_archives ${archives} PARENT_SCOPE)
    set(cw_libraries ${libraries} PARENT_SCOPE)
    set(cw_modules ${modules} PARENT_SCOPE)
    set(cw_other_libraries ${others} PARENT_SCOPE)
endfunction()

set(cw_parts cw_base cw_cluster cw_redis_link cw_gateway)
cw_find_needs(${cw_parts})

set(cw_part_objects "")
foreach(part IN LISTS cw_parts)
    list(APPEND cw_part_objects $<TARGET_OBJECTS:${part}>)
endforeach()
set(cw_object ${PROJECT_BINARY_DIR}/chanway.o)
add_custom_command(OUTPUT ${cw_object}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${cw_object}.all ${cw_part_objects}
        -Wl,--start-group ${cw_archives} -Wl,--end-group
    # What is hidden is ours and not public, what has another prefix is not ours.
    COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=cw_* --localize-hidden
        ${cw_object}.all ${cw_object}
    COMMAND ${CMAKE_COMMAND} -E rm ${cw_object}.all
    DEPENDS ${cw_parts} ${cw_part_objects} ${cw_archives}
    COMMENT "Linking object chanway.o"
    COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(chanway_object DEPENDS ${cw_object})

# Files here, where they were found; names for those who link it where it is installed.
set(cw_file_of_library "^.*/lib([^/]*)\\.so[.0-9]*$")
list(TRANSFORM cw_libraries REPLACE ${cw_file_of_library} "\\1" OUTPUT_VARIABLE cw_library_names)

add_library(chanway SHARED ${cw_object})
add_library(chanway_static STATIC ${cw_object})
foreach(library IN ITEMS chanway chanway_static)
    add_dependencies(${library} chanway_object)
    set_target_properties(${library} PROPERTIES
        LINKER_LANGUAGE C OUTPUT_NAME chanway EXPORT_NAME ${library})
    target_include_directories(${library} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cluster/include>
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/gateway/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    add_library(chanway::${library} ALIAS ${library})
endforeach()
set_target_properties(chanway PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(chanway PRIVATE ${cw_libraries} cw_build_options)
# Its own calls of public functions stay within it.
target_link_options(chanway PRIVATE -Wl,-Bsymbolic-functions -Wl,--as-needed)
target_link_libraries(chanway_static INTERFACE
    "$<BUILD_INTERFACE:${cw_libraries}>" "$<INSTALL_INTERFACE:${cw_library_names}>")
