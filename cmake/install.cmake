# Installs the headers and a CMake package with one component for each room.
include(CMakePackageConfigHelpers)

set(strata_components strata ${STRATA_COMPONENTS})
set(strata_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/strata)

foreach(component IN LISTS strata_components)
  # An export set each, so that who does not ask for a component needs none of its libraries.
  install(TARGETS strata_${component} EXPORT strata-${component}
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT strata-${component} NAMESPACE strata:: DESTINATION ${strata_package_dir}
    FILE strata-${component}-targets.cmake)
endforeach()

configure_package_config_file(cmake/strataConfig.cmake.in ${PROJECT_BINARY_DIR}/strataConfig.cmake
  INSTALL_DESTINATION ${strata_package_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/strataConfig.cmake ${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
  cmake/strata-dependencies.cmake DESTINATION ${strata_package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
