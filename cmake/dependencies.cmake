# All libraries of this build, each behind a target strata::dependency_NAME; what is missing is told at once.
include(${CMAKE_CURRENT_LIST_DIR}/strata-dependencies.cmake)

foreach(component IN ITEMS strata ${STRATA_COMPONENTS})
  strata_find_dependencies(${component})
endforeach()

if(STRATA_BUILD_EXAMPLES)
  strata_dependency(cli11 NEEDS "CLI11 2.1 or newer (for its examples)" PACKAGE libcli11-dev
    FIND CLI11 2.1 CONFIG TARGETS CLI11::CLI11
    URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
    SHA256 f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a
    INCLUDE_DIR include)
endif()
if(STRATA_BUILD_TESTS)
  strata_dependency(doctest NEEDS "doctest 2.4 (for its tests)" PACKAGE doctest-dev
    FIND doctest 2.4 CONFIG TARGETS doctest::doctest
    URL https://github.com/doctest/doctest/archive/refs/tags/v2.4.11.tar.gz
    SHA256 632ed2c05a7f53fa961381497bf8069093f0d6628c5f26286161fbd32a560186
    INCLUDE_DIR .)
endif()
if(STRATA_BUILD_BENCH)
  # Whatever version there is: Catch2 2 is a header, Catch2 3 a library. The fetched one is the header.
  strata_dependency(catch2 NEEDS "Catch2 2.13 or newer (for its benchmarks)" PACKAGE catch2
    FIND Catch2 CONFIG TARGETS Catch2::Catch2
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v2.13.10.tar.gz
    SHA256 d54a712b7b1d7708bc7a819a8e6e47b2fde9536f487b89ccbca295072a7d9943
    INCLUDE_DIR single_include)
endif()

if(strata_missing)
  list(JOIN strata_missing "\n  " strata_missing)
  message(FATAL_ERROR "\n  ${strata_missing}")
endif()
