/// One function, compiled twice for different processors: namespace baseline and namespace avx2.
#include <span>

#include "strata/measure/divergence.hpp"

namespace UNIT {

double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits) {
  return strata::kl_divergence(p_logits, q_logits);
}

}  // namespace UNIT
