# Finds the libraries behind strata's targets. Used by the build of strata and by its installed package.

# strata_dependency(NAME NEEDS text PACKAGE debian-package
#                   FIND find_package-arguments… TARGETS target… [HEADER header] | HEADER header
#                   [URL url SHA256 hash INCLUDE_DIR folder])
# Defines strata::dependency_NAME: the library of the system, else, if STRATA_FETCH_DEPENDENCIES asks for it, the headers
# of a pinned release. What is missing becomes a sentence in the caller's list strata_missing.
# The targets are global: with add_subdirectory, folders above this one use them.
function(strata_dependency name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NEEDS;PACKAGE;HEADER;URL;SHA256;INCLUDE_DIR" "FIND;TARGETS")
  set(target strata::dependency_${name})
  if(TARGET ${target})
    return()
  endif()

  set(found FALSE)
  set(include_dir)
  if(arg_TARGETS)
    list(GET arg_TARGETS 0 first_target)
    if(NOT TARGET ${first_target})
      find_package(${arg_FIND} QUIET GLOBAL)
    endif()
    if(TARGET ${first_target})
      set(found TRUE)
    endif()
    if(found AND arg_HEADER)
      find_path(STRATA_${name}_INCLUDE_DIR ${arg_HEADER} PATH_SUFFIXES openblas)
      mark_as_advanced(STRATA_${name}_INCLUDE_DIR)
      set(include_dir ${STRATA_${name}_INCLUDE_DIR})
      if(NOT include_dir)
        set(found FALSE)
      endif()
    endif()
  elseif(NOT CMAKE_DISABLE_FIND_PACKAGE_${name})
    find_path(STRATA_${name}_INCLUDE_DIR ${arg_HEADER})
    mark_as_advanced(STRATA_${name}_INCLUDE_DIR)
    if(STRATA_${name}_INCLUDE_DIR)
      set(found TRUE)
      set(include_dir ${STRATA_${name}_INCLUDE_DIR})
    endif()
  endif()

  if(NOT found AND STRATA_FETCH_DEPENDENCIES AND arg_URL)
    include(FetchContent)
    # All of them are headers only: SOURCE_SUBDIR names no folder, so that their own builds stay out of this one.
    FetchContent_Declare(${name} URL ${arg_URL} URL_HASH SHA256=${arg_SHA256} DOWNLOAD_EXTRACT_TIMESTAMP FALSE
      SOURCE_SUBDIR none)
    FetchContent_MakeAvailable(${name})
    set(found TRUE)
    set(arg_TARGETS)
    set(include_dir ${${name}_SOURCE_DIR}/${arg_INCLUDE_DIR})
  endif()

  if(found)
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(${target} INTERFACE ${arg_TARGETS})
    target_include_directories(${target} SYSTEM INTERFACE ${include_dir})
  else()
    if(arg_URL)
      set(otherwise "or configure with -DSTRATA_FETCH_DEPENDENCIES=ON")
    else()
      set(otherwise "(it is not fetched)")
    endif()
    list(APPEND strata_missing "strata needs ${arg_NEEDS}: install ${arg_PACKAGE} (Debian, Ubuntu) ${otherwise}.")
    set(strata_missing ${strata_missing} PARENT_SCOPE)
  endif()
endfunction()

# strata_find_dependencies(COMPONENT): what strata::COMPONENT is built on.
macro(strata_find_dependencies component)
  if("${component}" STREQUAL "strata")
    strata_dependency(eigen NEEDS "Eigen 3.4" PACKAGE libeigen3-dev
      FIND Eigen3 3.4 CONFIG TARGETS Eigen3::Eigen
      URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
      SHA256 8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72
      INCLUDE_DIR .)
    # By its header: the CMake target of xsimd 8.1 asks for xtl, which Debian lacks and strata does not use.
    strata_dependency(xsimd NEEDS "xsimd 8.1 or newer" PACKAGE libxsimd-dev
      HEADER xsimd/xsimd.hpp
      URL https://github.com/xtensor-stack/xsimd/archive/refs/tags/8.1.0.tar.gz
      SHA256 d52551360d37709675237d2a0418e28f70995b5b7cdad7c674626bcfbbf48328
      INCLUDE_DIR include)
    if(STRATA_USE_BLAS)
      strata_dependency(blas NEEDS "a CBLAS (STRATA_USE_BLAS)" PACKAGE libopenblas-dev
        FIND BLAS MODULE TARGETS BLAS::BLAS HEADER cblas.h)
    endif()
    if(STRATA_USE_OPENMP)
      strata_dependency(openmp NEEDS "OpenMP (STRATA_USE_OPENMP)" PACKAGE "libomp-dev for clang++,"
        FIND OpenMP MODULE COMPONENTS CXX TARGETS OpenMP::OpenMP_CXX)
    endif()
  else()
    strata_dependency(json NEEDS "nlohmann-json 3.10 or newer" PACKAGE nlohmann-json3-dev
      FIND nlohmann_json 3.10 CONFIG TARGETS nlohmann_json::nlohmann_json
      URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
      SHA256 d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d
      INCLUDE_DIR include)
  endif()
  if("${component}" STREQUAL "text")
    strata_dependency(icu NEEDS ICU PACKAGE libicu-dev
      FIND ICU MODULE COMPONENTS i18n uc data TARGETS ICU::i18n ICU::uc ICU::data)
  endif()
endmacro()
