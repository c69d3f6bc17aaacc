# CwCompiler.cmake - how our own code is compiled: cw_warnings, cw_sanitizers, cw_hardening.
#
# INTERFACE targets; `cw_build_options` is all of them, and what our targets link. Which of them do
# something is chosen by the preset.

add_library(cw_warnings INTERFACE)
target_compile_options(cw_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wundef -Wvla -Wcast-qual
    -Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough -Wnull-dereference
    # gcc warns of an ignored CW_MUST_CHECK even behind (void), clang (scripts/lint) does not.
    $<$<C_COMPILER_ID:GNU>:-Wno-unused-result>
    $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init>
    $<$<BOOL:${CW_WERROR}>:-Werror>)

add_library(cw_sanitizers INTERFACE)
if(CW_SANITIZE)
    target_compile_options(cw_sanitizers INTERFACE
        -fsanitize=${CW_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(cw_sanitizers INTERFACE -fsanitize=${CW_SANITIZE})
endif()

add_library(cw_hardening INTERFACE)
if(CW_HARDENING)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES C)
    # Some distributions' compilers define a _FORTIFY_SOURCE of their own.
    target_compile_options(cw_hardening INTERFACE
        -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    target_link_options(cw_hardening INTERFACE -Wl,-z,relro,-z,now)
endif()

add_library(cw_coverage INTERFACE)
if(CW_COVERAGE)
    target_compile_options(cw_coverage INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(cw_coverage INTERFACE --coverage)
endif()

# _GNU_SOURCE: the system's interfaces beyond ISO C. No interposition: what is public is called and
# inlined within the library as if it were not.
add_library(cw_build_options INTERFACE)
target_compile_definitions(cw_build_options INTERFACE _GNU_SOURCE)
target_compile_options(cw_build_options INTERFACE -fno-semantic-interposition)
target_link_libraries(cw_build_options INTERFACE cw_warnings cw_sanitizers cw_hardening cw_coverage)
