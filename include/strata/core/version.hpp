/// Version of the library; CMakeLists.txt reads these three numbers.
#pragma once

#define STRATA_VERSION_MAJOR 0
#define STRATA_VERSION_MINOR 1
#define STRATA_VERSION_PATCH 0

#define STRATA_DETAIL_TEXT_(x) #x
#define STRATA_DETAIL_TEXT(x) STRATA_DETAIL_TEXT_(x)

namespace strata {

/// "major.minor.patch"
inline constexpr const char* version = STRATA_DETAIL_TEXT(STRATA_VERSION_MAJOR) "." STRATA_DETAIL_TEXT(
    STRATA_VERSION_MINOR) "." STRATA_DETAIL_TEXT(STRATA_VERSION_PATCH);

}  // namespace strata
