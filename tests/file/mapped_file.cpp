#include "strata/file/mapped_file.hpp"

#define MAPPED_FILE_KIND "mapped"
#include "file/mapped_file_cases.hpp"

static_assert(STRATA_DETAIL_MMAP == 1, "the platforms of the tests have mmap");
