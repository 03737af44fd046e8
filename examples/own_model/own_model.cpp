// Tracing a model of one's own. A small transformer with random weights, written from scratch: RMSNorm, learned
// positions, two layers of causal attention and a ReLU MLP. The five lines that end in "strata" are all that tracing
// adds to the plain pass.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <span>
#include <vector>

#include "strata/strata.hpp"

using matrix = strata::matrix<float>;

matrix times(const matrix& a, const matrix& b) {
  matrix c(a.rows(), b.cols());
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t k = 0; k < a.cols(); ++k)
      for (std::size_t j = 0; j < b.cols(); ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}

class small_transformer {
 public:
  using scalar = float;  // strata asks for this, for shape() and for forward()
  strata::model_shape shape() const { return {layers, heads, width, vocabulary, context}; }

  small_transformer() {
    std::mt19937 random(7);
    const auto fill = [&](std::size_t rows, std::size_t cols, float scale) {
      matrix m(rows, cols);
      for (float& v : m.values()) v = scale * std::normal_distribution<float>()(random);
      return m;
    };
    embedding = fill(vocabulary, width, 1.0F);
    positions = fill(context, width, 0.3F);
    for (layer& l : weights)
      l = {fill(width, width, 0.3F), fill(width, width, 0.3F),     fill(width, width, 0.3F),
           fill(width, width, 0.3F), fill(width, mlp_width, 0.3F), fill(mlp_width, width, 0.2F)};
    unembedding = fill(width, vocabulary, 0.5F);
  }

  // Logits of the last token.
  template <class Hooks>
  std::vector<float> forward(std::span<const strata::token_id> tokens, Hooks& hooks) const {
    const std::size_t n = tokens.size();
    matrix x(n, width);
    for (std::size_t t = 0; t < n; ++t)
      for (std::size_t j = 0; j < width; ++j)
        x(t, j) = embedding(static_cast<std::size_t>(tokens[t]), j) + positions(t, j);

    for (std::size_t l = 0; l < layers; ++l) {
      const layer& w = weights[l];
      const matrix h = normed(x), q = times(h, w.query), k = times(h, w.key), v = times(h, w.value);
      matrix mixed(n, width);
      for (std::size_t head = 0; head < heads; ++head) {
        const std::size_t first = head * head_width;
        matrix pattern(n, n);
        for (std::size_t t = 0; t < n; ++t) {
          float sum = 0;
          for (std::size_t s = 0; s <= t; ++s) {
            float score = 0;
            for (std::size_t j = first; j < first + head_width; ++j) score += q(t, j) * k(s, j);
            sum += pattern(t, s) = std::exp(score / std::sqrt(float(head_width)));
          }
          for (std::size_t s = 0; s <= t; ++s) pattern(t, s) /= sum;
        }
        hooks.attend(l, head, 0, pattern.view());  // strata
        for (std::size_t t = 0; t < n; ++t)
          for (std::size_t s = 0; s <= t; ++s)
            for (std::size_t j = first; j < first + head_width; ++j) mixed(t, j) += pattern(t, s) * v(s, j);
      }
      matrix out = times(mixed, w.output);
      const strata::attention_parts<float> parts{v, w.output, {}, nullptr};  // strata
      hooks.join_attention(l, x.view(), out.view(), parts);                  // strata, instead of x += out

      matrix inner = times(normed(x), w.up);
      for (float& a : inner.values()) a = std::max(a, 0.0F);
      out = times(inner, w.down);
      hooks.join_mlp(l, x.view(), out.view());  // strata, instead of x += out
    }
    hooks.finish(x.view(), norm);  // strata, instead of x = normed(x)
    matrix last(1, width);
    std::copy_n(x.row(n - 1).begin(), width, last.row(0).begin());
    const matrix logits = times(last, unembedding);
    return {logits.values().begin(), logits.values().end()};
  }

 private:
  struct layer {
    matrix query, key, value, output, up, down;  // (in, out)
  };
  static constexpr std::size_t layers = 2, heads = 2, head_width = 8, width = 16, mlp_width = 32, vocabulary = 11,
                               context = 32;

  matrix normed(matrix x) const {
    for (std::size_t t = 0; t < x.rows(); ++t) norm.apply(x.row(t));
    return x;
  }

  matrix embedding, positions, unembedding;
  layer weights[layers];
  std::vector<float> ones = std::vector<float>(width, 1.0F);
  strata::norm<float> norm{strata::norm_kind::rms, ones, {}, 1e-5};
};

int main() {
  small_transformer model;
  const std::vector<strata::token_id> prompt{3, 1, 4, 1, 5, 9, 2, 6};
  const auto checked = strata::check_forward_pass(model, prompt);  // trace() does this, too
  std::printf("contributions add up to within %.0e\n", checked.self_check_error);

  strata::trace_options options;
  options.sizes = {0.02, 0.05, 0.1, 0.2, 0.5, 1};
  const auto trace = strata::trace(model, prompt, options);
  for (const auto& point : trace.curve)
    std::printf("%3llu of %llu edges: KL %.4f, TV %.4f, top token %zu\n", static_cast<unsigned long long>(point.edges),
                static_cast<unsigned long long>(trace.edges.edge_count()), point.measured.kl,
                point.measured.total_variation, point.measured.top_token);

  const strata::edge best = trace.edges.at(trace.order[0]);
  std::printf("best edge: %s into token %zu at level %zu\n", std::string(strata::name_of(best.kind)).c_str(),
              best.target, best.level);
}
