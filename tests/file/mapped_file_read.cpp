// The fallback that reads. Under another name, because one program must not have two definitions of one class.
#define STRATA_NO_MMAP
#define mapped_file mapped_file_that_reads
#include "strata/file/mapped_file.hpp"

#define MAPPED_FILE_KIND "read"
#include "file/mapped_file_cases.hpp"

static_assert(STRATA_DETAIL_MMAP == 0);
