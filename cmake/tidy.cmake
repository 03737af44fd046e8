# cmake --build build/dev --target tidy: .clang-tidy over the tests, and through them over the headers.
find_program(STRATA_CLANG_TIDY NAMES clang-tidy clang-tidy-14)
mark_as_advanced(STRATA_CLANG_TIDY)
if(STRATA_CLANG_TIDY AND STRATA_BUILD_TESTS)
  file(GLOB_RECURSE strata_tidy_sources CONFIGURE_DEPENDS tests/*.cpp examples/*.cpp)
  list(FILTER strata_tidy_sources EXCLUDE REGEX "/tests/(static|package|support)/")
  add_custom_target(tidy
    COMMAND ${STRATA_CLANG_TIDY} --quiet --extra-arg=-Wno-error -p ${PROJECT_BINARY_DIR} ${strata_tidy_sources}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    VERBATIM)
endif()
