// Calls that a recorder refuses, with the layer and token in the message.
#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "strata/score/recorder.hpp"
#include "support/plain_models.hpp"

namespace recorder_refuses_test {

namespace {

constexpr std::size_t tokens = 3, width = 4, head_width = 2;

// A pass with nothing in it but right calls, to be spoilt at one place.
struct script {
  strata::graph edges{2, 2, tokens, strata::block_kind::sequential};
  strata::matrix<float> x{tokens, width}, out{tokens, width}, weights{tokens, tokens}, values{tokens, 2 * head_width},
      output{2 * head_width, width};
  std::vector<float> ones = std::vector<float>(width, 1.0F);
  strata::norm<float> norm{strata::norm_kind::rms, ones, {}, 1e-5};
  strata::attention_parts<float> parts{values, output, {}, nullptr};

  script() {
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t j = 0; j < width; ++j) x(t, j) = static_cast<float>(t + j + 1);
      for (std::size_t s = 0; s <= t; ++s) weights(t, s) = 1 / static_cast<float>(t + 1);
    }
  }
  void attend(strata::recorder<float>& r, std::size_t layer) {
    for (std::size_t h = 0; h < 2; ++h) r.attend(layer, h, 0, weights);
  }
  void layer(strata::recorder<float>& r, std::size_t l) {
    attend(r, l);
    r.join_attention(l, x, out, parts);
    r.join_mlp(l, x, out);
  }
};

template <class F>
std::string refusal(F f) {
  script s;
  strata::recorder<float> r(s.edges);
  try {
    f(s, r);
  } catch (const strata::error& e) {
    return e.what();
  }
  return "";
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("right calls are taken, and give scores that sum to 1 at every node or are all 0") {
  script s;
  strata::recorder<float> r(s.edges);
  s.layer(r, 0);
  s.layer(r, 1);
  CHECK_FALSE(r.finished());
  r.finish(s.x, s.norm);
  CHECK(r.finished());
  CHECK(r.scores()[s.edges.residual_edge({1, 0})] == 1);
}

TEST_CASE("calls out of order") {
  CHECK(has(refusal([](auto& s, auto& r) { r.join_mlp(0, s.x, s.out); }),
            "join_mlp of layer 0 was called where attend and join_attention of layer 0 of 2 was expected"));
  CHECK(has(refusal([](auto& s, auto& r) { r.attend(1, 0, 0, s.weights); }), "attend of layer 1"));
  CHECK(has(refusal([](auto& s, auto& r) { s.layer(r, 0), r.finish(s.x, s.norm); }),
            "finish was called after 1 of 2 layers"));
  CHECK(has(refusal([](auto& s, auto& r) { s.layer(r, 0), s.layer(r, 1), r.finish(s.x, s.norm), s.layer(r, 1); }),
            "attend of layer 1"));
}

TEST_CASE("missing heads, wrong shapes") {
  CHECK(has(refusal([](auto& s, auto& r) { r.attend(0, 0, 0, s.weights), r.join_attention(0, s.x, s.out, s.parts); }),
            "layer 0, token 0: attend was not called for head 1 of 2"));
  CHECK(has(refusal([](auto& s, auto& r) { r.attend(0, 2, 0, s.weights); }), "attend got head 2"));
  CHECK(has(refusal([](auto& s, auto& r) { r.attend(0, 0, 1, s.weights); }), "rows 1 to 4"));
  CHECK(has(refusal([](auto& s, auto& r) {
              s.attend(r, 0);
              s.out.reset(tokens, width + 1);
              r.join_attention(0, s.x, s.out, s.parts);
            }),
            "layer 0: x has shape (3, 4) and out (3, 5)"));
  CHECK(has(refusal([](auto& s, auto& r) {
              s.attend(r, 0);
              s.parts.values = s.parts.values.row_range(0, 2);
              r.join_attention(0, s.x, s.out, s.parts);
            }),
            "attention_parts do not fit: values (2, 4), expected (3,"));
  CHECK(has(refusal([](auto& s, auto& r) {
              s.attend(r, 0);
              const std::vector<std::size_t> rows{0, 2, 1};
              r.join_attention(0, s.x, s.out, s.parts, rows);
            }),
            "the list of rows must rise"));
}

TEST_CASE("NaN and infinity are named with layer and token") {
  CHECK(has(refusal([](auto& s, auto& r) { s.x(1, 2) = not_a_number, s.layer(r, 0); }),
            "layer 0, token 1: the embedding is not finite"));
  CHECK(has(refusal([](auto& s, auto& r) { s.layer(r, 0), s.weights(2, 1) = not_a_number, s.layer(r, 1); }),
            "layer 1, token 2, head 0: an attention weight is not finite"));
  CHECK(has(refusal([](auto& s, auto& r) { s.out(2, 0) = std::numeric_limits<float>::infinity(), s.layer(r, 0); }),
            "layer 0, token 2: the attention output is not finite"));
  CHECK(has(refusal([](auto& s, auto& r) {
              s.attend(r, 0);
              r.join_attention(0, s.x, s.out, s.parts);
              s.out(1, 3) = not_a_number;
              r.join_mlp(0, s.x, s.out);
            }),
            "layer 0, token 1: the MLP output is not finite"));
}

TEST_CASE("somebody else writes to x") {
  CHECK(has(refusal([](auto& s, auto& r) { s.layer(r, 0), s.x(2, 1) += 1, s.layer(r, 1); }),
            "layer 1, token 2: the residual stream changed between the joins"));
  CHECK(has(refusal([](auto& s, auto& r) { s.layer(r, 0), s.layer(r, 1), s.x(2, 1) += 1, r.finish(s.x, s.norm); }),
            "finish: the residual stream changed"));
}

TEST_CASE("an error in attention is seen beside a residual stream that is thousands of times as large") {
  script s;
  for (float& v : s.values.values()) v = 0.01F;
  for (float& v : s.output.values()) v = 0.1F;
  for (std::size_t j = 0; j < width; ++j) s.x(0, j) = 19903;
  for (float& v : s.out.values()) v = 0.004F * 1.6F;  // Σ a·u is 0.004
  strata::recorder<float> r(s.edges);
  s.attend(r, 0);
  CHECK_THROWS_WITH_AS(
      r.join_attention(0, s.x, s.out, s.parts),
      "layer 0, token 0: the attention output is not the sum of its contributions; relative error 0.6, allowed 0.0001",
      strata::contract_error);
}

TEST_CASE("contributions that cancel are judged by their own scale, not by their small sum") {
  // Two sources with opposite values: Σ a·u is tiny, Σ|a·u| is 1.
  script s;
  for (std::size_t j = 0; j < head_width; ++j) s.values(0, j) = 1, s.values(1, j) = -1;
  s.output(0, 0) = 1;
  s.weights(1, 0) = 0.5F, s.weights(1, 1) = 0.5F;
  s.out(0, 0) = 1;
  s.out(1, 0) = 5e-5F;  // an error of 5e-5 relative to Σ|a·u| = 1, and of 100 % relative to the sum
  s.out(2, 0) = 0;
  strata::recorder<float> r(s.edges);
  s.attend(r, 0);
  CHECK_NOTHROW(r.join_attention(0, s.x, s.out, s.parts));
  CHECK(r.largest_error() == doctest::Approx(5e-5));
}

TEST_CASE("NaN in a value that no weight reads does not become a score of 0") {
  CHECK(has(refusal([](auto& s, auto& r) {
              for (std::size_t t = 0; t < tokens; ++t) s.weights(t, 0) = 0;
              s.values(0, 1) = not_a_number;
              s.layer(r, 0);
            }),
            "layer 0, token 0: a value is not finite"));
}

TEST_CASE("only the last layer may leave rows out") {
  CHECK(has(refusal([](auto& s, auto& r) {
              s.attend(r, 0);
              const std::vector<std::size_t> rows{2};
              strata::matrix<float> x(s.x.view().row_range(2, 1)), out(1, width);
              r.join_attention(0, x, out, s.parts, rows);
            }),
            "layer 0: x has the rows of 1 tokens, expected all; only the last layer may leave rows out"));
}

}  // namespace recorder_refuses_test
