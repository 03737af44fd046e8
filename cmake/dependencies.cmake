# The libraries that strata is built on, each behind one target strata::dependency_NAME, wherever it comes from.
include(${CMAKE_CURRENT_LIST_DIR}/strata-dependencies.cmake)

strata_find_eigen()
strata_find_xsimd()
strata_find_json()
strata_find_icu()
