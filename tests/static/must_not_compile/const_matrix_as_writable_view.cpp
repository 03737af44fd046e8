// A constant matrix converts to a view of constant values only.
// error: discards qualifiers|no viable conversion
#include "strata/core/matrix.hpp"

#ifdef MISTAKE
strata::matrix_view<float> writable(const strata::matrix<float>& weights) { return weights; }
#else
strata::matrix_view<const float> readable(const strata::matrix<float>& weights) { return weights; }
#endif
