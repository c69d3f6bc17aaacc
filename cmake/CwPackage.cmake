# CwPackage.cmake - man pages and the shell's completion, made and installed with the rest, and what `cpack -G DEB`
# puts into a Debian package: the programs, units of systemd, a file of settings. Headers and libraries are
# for those who build programs, who have the sources.

include(GNUInstallDirs)

# Images are made of less than all sources, and need none of it.
if(NOT EXISTS ${PROJECT_SOURCE_DIR}/scripts/package OR NOT EXISTS ${PROJECT_SOURCE_DIR}/scripts/systemd)
    return()
endif()

# --- made from the settings' table and from the script's own words ---------------------------------

set(cw_package_dir ${PROJECT_BINARY_DIR}/package)
set(cw_settings_table ${PROJECT_SOURCE_DIR}/gateway/settings.def)
set(cw_settings_awk ${PROJECT_SOURCE_DIR}/cmake/settings.awk)
set(cw_package_files "")

# cw_made_file(<name> TEMPLATE <file> VARIABLE <name in it> COMMAND <what prints its value> DEPENDS <file>...)
function(cw_made_file name)
    cmake_parse_arguments(arg "" "TEMPLATE;VARIABLE" "COMMAND;DEPENDS" ${ARGN})
    add_custom_command(OUTPUT ${cw_package_dir}/${name}
        COMMAND ${arg_COMMAND} > ${name}.part
        COMMAND ${CMAKE_COMMAND} -D TEMPLATE=${arg_TEMPLATE} -D VARIABLE=${arg_VARIABLE} -D PART=${name}.part
            -D OUTPUT=${name} -D PROJECT_VERSION=${PROJECT_VERSION} -P ${PROJECT_SOURCE_DIR}/cmake/fill.cmake
        DEPENDS ${arg_TEMPLATE} ${arg_DEPENDS} ${PROJECT_SOURCE_DIR}/cmake/fill.cmake
        WORKING_DIRECTORY ${cw_package_dir}
        COMMENT "Making ${name}"
        VERBATIM)
    set(cw_package_files ${cw_package_files} ${cw_package_dir}/${name} PARENT_SCOPE)
endfunction()

cw_made_file(chanwayd.8 TEMPLATE ${PROJECT_SOURCE_DIR}/cmake/chanwayd.8.in VARIABLE cw_man_settings
    COMMAND awk -v form=man -f ${cw_settings_awk} ${cw_settings_table}
    DEPENDS ${cw_settings_awk} ${cw_settings_table})
cw_made_file(chanwayd.conf TEMPLATE ${PROJECT_SOURCE_DIR}/scripts/package/chanwayd.conf.in VARIABLE cw_conf_settings
    COMMAND awk -v form=conf -f ${cw_settings_awk} ${cw_settings_table}
    DEPENDS ${cw_settings_awk} ${cw_settings_table})
cw_made_file(chanway.1 TEMPLATE ${PROJECT_SOURCE_DIR}/cmake/chanway.1.in VARIABLE cw_man_chanway
    COMMAND awk -f ${PROJECT_SOURCE_DIR}/cmake/usage.awk ${PROJECT_SOURCE_DIR}/scripts/chanway
    DEPENDS ${PROJECT_SOURCE_DIR}/cmake/usage.awk ${PROJECT_SOURCE_DIR}/scripts/chanway)
add_custom_target(package_files ALL DEPENDS ${cw_package_files})

install(FILES ${cw_package_dir}/chanwayd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${cw_package_dir}/chanway.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_SOURCE_DIR}/scripts/package/chanway.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME chanway)

# --- in the package alone ----------------------------------------------------------------------------

foreach(unit IN ITEMS chanwayd.service chanway@.service)
    file(READ ${PROJECT_SOURCE_DIR}/scripts/systemd/${unit} text)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scripts/systemd/${unit})
    string(REGEX REPLACE "^(#[^\n]*\n)+\n" "" text "${text}")
    string(REPLACE /usr/local/bin/ /usr/bin/ text "${text}")
    file(CONFIGURE OUTPUT ${cw_package_dir}/${unit} CONTENT "${text}" @ONLY)
    install(FILES ${cw_package_dir}/${unit} DESTINATION /lib/systemd/system COMPONENT package EXCLUDE_FROM_ALL)
endforeach()
install(FILES ${cw_package_dir}/chanwayd.conf DESTINATION /etc/chanway COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/doc/chanway RENAME copyright
    COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/SECURITY.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    ${PROJECT_SOURCE_DIR}/scripts/redis/users.acl DESTINATION share/doc/chanway COMPONENT package EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME chanway)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Chanway developers <chanway@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Redis-backed clustered channel gateway")
set(CPACK_PACKAGE_DESCRIPTION "Nodes take WebSockets of browsers and devices and hand on messages by Redis, so that
 any node reaches any client, and web applications in any language reach them with one call of Redis.")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL Unspecified package)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "redis-server (>= 5:7) | valkey-server, redis-tools (>= 5:7) | valkey-tools, passwd")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "haproxy, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(file IN ITEMS postinst prerm postrm conffiles)
    list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/scripts/package/${file})
endforeach()
include(CPack)
