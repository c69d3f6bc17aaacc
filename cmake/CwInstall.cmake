# CwInstall.cmake - what `cmake --install` puts where: the program, the library, what finds it.

include(CMakePackageConfigHelpers)

install(TARGETS chanwayd)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/scripts/chanway DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/scripts/chanway.awk ${PROJECT_SOURCE_DIR}/scripts/chanway_redis.sh
    DESTINATION ${CMAKE_INSTALL_DATADIR}/chanway)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/cluster/functions
    DESTINATION ${CMAKE_INSTALL_DATADIR}/chanway FILES_MATCHING PATTERN "*.lua")

foreach(folder IN ITEMS cluster gateway)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/include/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
endforeach()
install(TARGETS chanway chanway_static EXPORT chanwayTargets COMPONENT development)

set(cw_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/chanway)
install(EXPORT chanwayTargets NAMESPACE chanway:: DESTINATION ${cw_package_folder}
    COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/chanwayConfig.cmake.in
    ${PROJECT_BINARY_DIR}/package/chanwayConfig.cmake INSTALL_DESTINATION ${cw_package_folder})
# Before 1.0 a new minor version may change what is there.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/chanwayConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)

# The folder can be moved: the prefix is where the file is.
file(RELATIVE_PATH cw_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" cw_pc_prefix "${cw_pc_prefix}")
list(JOIN cw_modules " " cw_pc_requires)
list(TRANSFORM cw_other_libraries REPLACE ${cw_file_of_library} "\\1")
list(TRANSFORM cw_other_libraries PREPEND "-l")
list(JOIN cw_other_libraries " " cw_pc_libraries)
configure_file(${CMAKE_CURRENT_LIST_DIR}/chanway.pc.in ${PROJECT_BINARY_DIR}/package/chanway.pc @ONLY)

install(FILES ${PROJECT_BINARY_DIR}/package/chanwayConfig.cmake
    ${PROJECT_BINARY_DIR}/package/chanwayConfigVersion.cmake DESTINATION ${cw_package_folder}
    COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/package/chanway.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT development)
