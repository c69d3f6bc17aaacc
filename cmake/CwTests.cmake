# CwTests.cmake - one line per test.

# cw_add_unit_test(<name> [SOURCES <file>...] [LIBS <target>...] [LABEL <label>] [TIMEOUT <s>])
#
# A cmocka program test_<name> from test_<name>.c, unless SOURCES says otherwise; label unit.
function(cw_add_unit_test name)
    cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
    if(NOT arg_SOURCES)
        set(arg_SOURCES test_${name}.c)
    endif()
    if(NOT arg_LABEL)
        set(arg_LABEL unit)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_executable(test_${name} ${arg_SOURCES})
    target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(test_${name} PRIVATE ${arg_LIBS} cw::cmocka cw_build_options)
    add_test(NAME ${arg_LABEL}.${name} COMMAND test_${name})
    set_tests_properties(${arg_LABEL}.${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
endfunction()

# cw_add_script_test(<name> LABEL <label> COMMAND <program> <arg>... [TIMEOUT <s>] [SERIAL])
#
# A script that starts the real program, given to it as CHANWAYD in the environment. SERIAL: not
# beside other tests, because it measures or loads the whole machine.
function(cw_add_script_test name)
    cmake_parse_arguments(arg "SERIAL" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_test(NAME ${arg_LABEL}.${name} COMMAND ${arg_COMMAND}
        WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(${arg_LABEL}.${name} PROPERTIES
        LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL}
        ENVIRONMENT "CHANWAYD=$<TARGET_FILE:chanwayd>;CHANWAY_SOURCE_DIR=${PROJECT_SOURCE_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

# cw_add_header_tests(<target>): each public header compiles alone, as C11, C17 and C++17.
function(cw_add_header_tests target)
    get_target_property(headers ${target} HEADER_SET)
    if(NOT headers)
        return()
    endif()
    set(flags -fsyntax-only -Wall -Wextra -Wpedantic -Werror)
    foreach(folder IN LISTS CW_PUBLIC_INCLUDES)
        list(APPEND flags -I${folder})
    endforeach()
    foreach(header IN LISTS headers)
        cmake_path(ABSOLUTE_PATH header BASE_DIRECTORY ${PROJECT_SOURCE_DIR} NORMALIZE)
        cmake_path(GET header STEM stem)
        foreach(standard IN ITEMS c11 c17)
            add_test(NAME unit.header_${stem}_${standard}
                COMMAND ${CMAKE_C_COMPILER} -std=${standard} ${flags} -include ${header} -x c /dev/null)
            set_tests_properties(unit.header_${stem}_${standard} PROPERTIES LABELS unit TIMEOUT 60)
        endforeach()
        add_test(NAME unit.header_${stem}_c++17
            COMMAND ${CMAKE_CXX_COMPILER} -std=c++17 ${flags} -include ${header} -x c++ /dev/null)
        set_tests_properties(unit.header_${stem}_c++17 PROPERTIES LABELS unit TIMEOUT 60)
    endforeach()
endfunction()

# cw_add_fuzzer(<name> [LIBS <target>...])
#
# A libFuzzer program fuzz_<name> from fuzz_<name>.c. As a test (label fuzz) it runs CW_FUZZ_SECONDS on
# the inputs of corpus/<name>; what it finds new stays in the build folder. An input that broke
# something is added to the corpus by hand.
set(CW_FUZZ_SECONDS 60 CACHE STRING "How long a fuzzer runs as a test")
function(cw_add_fuzzer name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    add_executable(fuzz_${name} fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ${arg_LIBS} cw_build_options)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set(found ${CMAKE_CURRENT_BINARY_DIR}/found/${name})
    file(MAKE_DIRECTORY ${found})
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -max_total_time=${CW_FUZZ_SECONDS} -timeout=10
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix=${found}/
        ${found} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    math(EXPR timeout "${CW_FUZZ_SECONDS} + 60")
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout})
endfunction()
