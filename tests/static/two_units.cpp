/// Links the two units of unit.cpp: both give the divergence, and each runs on the processors it was compiled for.
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

namespace baseline {
double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits);
}
namespace avx2 {
double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits);
}

int main() {
  std::vector<float> p(1000);
  std::vector<float> q(1000);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double x = static_cast<double>(i);
    p[i] = static_cast<float>(3 * std::sin(x));
    q[i] = static_cast<float>(3 * std::sin(1.01 * x));
  }

  const double narrow = baseline::kl_divergence(p, q);
  std::printf("baseline %.9g\n", narrow);
  if (!(narrow > 0.1)) return 1;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;

  const double wide = avx2::kl_divergence(p, q);
  std::printf("avx2     %.9g\n", wide);
  return std::abs(wide - narrow) <= 1e-6 * narrow ? 0 : 1;
}
