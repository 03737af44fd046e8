# Finds the libraries behind strata's targets. Used by the build of strata and by its installed package.

function(strata_dependency name)
  if(NOT TARGET strata::dependency_${name})
    add_library(strata::dependency_${name} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(strata::dependency_${name} INTERFACE ${ARGN})
  endif()
endfunction()

macro(strata_find_eigen)
  find_package(Eigen3 3.4 REQUIRED NO_MODULE)
  strata_dependency(eigen Eigen3::Eigen)
endmacro()

# The CMake target of xsimd 8.1 asks for xtl, which Debian does not package and strata does not need: take the headers.
macro(strata_find_xsimd)
  find_path(STRATA_XSIMD_INCLUDE_DIR xsimd/xsimd.hpp REQUIRED)
  if(NOT TARGET strata::dependency_xsimd)
    add_library(strata::dependency_xsimd INTERFACE IMPORTED GLOBAL)
    target_include_directories(strata::dependency_xsimd SYSTEM INTERFACE ${STRATA_XSIMD_INCLUDE_DIR})
  endif()
endmacro()

macro(strata_find_json)
  find_package(nlohmann_json 3.10 REQUIRED)
  strata_dependency(json nlohmann_json::nlohmann_json)
endmacro()

macro(strata_find_icu)
  find_package(ICU REQUIRED COMPONENTS i18n uc data)
  strata_dependency(icu ICU::i18n ICU::uc ICU::data)
endmacro()
