# CwDependencies.cmake - third-party libraries as imported targets cw::<name>.
#
# What scripts/deps has built into .deps/prefix goes before the system's. Everything that is missing
# is named in one message.

set(CW_DEPS_PREFIX ${PROJECT_SOURCE_DIR}/.deps/prefix CACHE PATH
    "Where scripts/deps has put the libraries that the system has not, or too old")

find_package(PkgConfig REQUIRED)
set(ENV{PKG_CONFIG_PATH} "${CW_DEPS_PREFIX}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")

set(cw_missing "")

# cw_find_library(<name> <least version> <pkg-config module>... [LIBS <target>...])
#
# Defines cw::<name> from the first module there is; LIBS are what a static library needs beside it.
function(cw_find_library name version)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    foreach(module IN LISTS arg_UNPARSED_ARGUMENTS)
        pkg_check_modules(CW_${name} QUIET IMPORTED_TARGET GLOBAL ${module}>=${version})
        if(CW_${name}_FOUND)
            add_library(cw::${name} INTERFACE IMPORTED GLOBAL)
            target_link_libraries(cw::${name} INTERFACE PkgConfig::CW_${name} ${arg_LIBS})
            # For who links our library (CwLibrary.cmake).
            set_property(TARGET cw::${name} PROPERTY CW_MODULE ${module})
            return()
        endif()
    endforeach()
    list(GET arg_UNPARSED_ARGUMENTS 0 module)
    set(cw_missing ${cw_missing} "${module} >= ${version}" PARENT_SCOPE)
endfunction()

cw_find_library(openssl 3.0 openssl)
cw_find_library(zlib 1.2 zlib)
cw_find_library(event 2.1 libevent_core)
cw_find_library(websockets 4.2 libwebsockets LIBS cw::event cw::openssl cw::zlib m)
cw_find_library(hiredis 1.1 hiredis)
cw_find_library(hiredis_ssl 1.1 hiredis_ssl LIBS cw::hiredis cw::openssl)
cw_find_library(jansson 2.10 jansson)
# libjwt 3 is another API: 1.10 to 2 it is.
cw_find_library(jwt 1.10 libjwt LIBS cw::jansson cw::openssl)
cw_find_library(yyjson 0.8 yyjson)
cw_find_library(msgpack 3.1 msgpack msgpack-c)
cw_find_library(pcre2 10.30 libpcre2-8)
if(CW_TESTS)
    cw_find_library(cmocka 1.1 cmocka)
endif()

if(cw_missing)
    list(JOIN cw_missing ", " cw_missing)
    message(FATAL_ERROR "Missing libraries: ${cw_missing}\n"
        "'scripts/deps' (with --test for the tests' own) installs or builds them; elsewhere, install "
        "their development packages so that pkg-config finds them.")
endif()
