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

# cw_add_fuzzer(<name> MODULES <file>... [SOURCES <file>...] [LIBS <target>...])
#
# A program fuzz_<name> from fuzz_<name>.c and SOURCES. As a test (label fuzz) it reads the inputs of
# corpus/<name> once each, by replay.c; where CW_FUZZ is on it is libFuzzer's, and runs CW_FUZZ_SECONDS
# from them. MODULES: the files of the project that it is for; scripts/fuzz counts the lines of
# them that run. The target `fuzzers` builds all.
set(CW_FUZZ_SECONDS 60 CACHE STRING "How long a fuzzer of libFuzzer runs as a test")
function(cw_add_fuzzer name)
    cmake_parse_arguments(arg "" "" "MODULES;SOURCES;LIBS" ${ARGN})
    set(program fuzz_${name})
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    add_executable(${program} ${program}.c ${arg_SOURCES})
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${program} PRIVATE ${arg_LIBS} cw_build_options)
    if(NOT TARGET fuzzers)
        add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers ${program})
    list(JOIN arg_MODULES "\n" modules)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.modules "${modules}\n")

    if(CW_FUZZ)
        set(found ${CMAKE_CURRENT_BINARY_DIR}/found/${name})
        file(MAKE_DIRECTORY ${found})
        target_link_options(${program} PRIVATE -fsanitize=fuzzer)
        set(arguments -max_total_time=${CW_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=1024
            -artifact_prefix=${found}/ ${found} ${corpus})
        math(EXPR timeout "${CW_FUZZ_SECONDS} + 60")
    else()
        target_sources(${program} PRIVATE replay.c)
        set(arguments ${corpus})
        set(timeout 60)
    endif()
    add_test(NAME fuzz.${name} COMMAND ${program} ${arguments})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout})
endfunction()
