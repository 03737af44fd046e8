// A view of constant values cannot be written through.
// error: read-only|not assignable
#include "strata/core/matrix.hpp"

void write(strata::matrix_view<const float> weights) {
#ifdef MISTAKE
  weights(0, 0) = 1.0F;
#else
  static_cast<void>(weights(0, 0));
#endif
}
