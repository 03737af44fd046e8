#include "strata/model/stored_linear.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"
#include "support/write_safetensors.hpp"

using strata::row_order;
using strata::detail::stored_linear;
using strata::detail::stored_row;

namespace {

// (rows, cols) with the value 100 · row + column.
safetensors_writer::tensor numbered(const std::string& name, std::size_t rows, std::size_t cols) {
  std::vector<float> values;
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) values.push_back(static_cast<float>(100 * r + c));
  return safetensors_writer::f32(
      name, cols == 1 ? std::vector<std::size_t>{rows} : std::vector<std::size_t>{rows, cols}, values);
}

struct files {
  explicit files(const std::vector<safetensors_writer::tensor>& tensors) {
    safetensors_writer::write_file(folder.path() / "w.safetensors", tensors);
  }
  temporary_folder folder;
  strata::weight_files weights() const {
    return strata::weight_files(strata::safetensors_file(folder.path() / "w.safetensors"));
  }
};

}  // namespace

TEST_CASE("every order of rows is a permutation, and the one that the format's converter makes") {
  constexpr std::size_t heads = 3, width = 4;
  for (const row_order order : {row_order::as_computed, row_order::by_head, row_order::rotary_pairs}) {
    std::vector<int> seen(3 * heads * width, 0);
    for (std::size_t r = 0; r < seen.size(); ++r) ++seen[stored_row(order, r, seen.size(), width)];
    for (const int count : seen) CHECK(count == 1);
  }
  // by_head: key 2 of head 1 lies behind head 0 and head 1's query.
  CHECK(stored_row(row_order::by_head, heads * width + 1 * width + 2, 3 * heads * width, width) ==
        3 * width + width + 2);
  // rotary_pairs: a converter writes (head, half, i) as (head, i, half).
  for (std::size_t head = 0; head < heads; ++head)
    for (std::size_t half = 0; half < 2; ++half)
      for (std::size_t i = 0; i < width / 2; ++i)
        CHECK(stored_row(row_order::rotary_pairs, head * width + half * width / 2 + i, heads * width, width) ==
              head * width + 2 * i + half);
}

TEST_CASE("tensors one below the other, with biases") {
  const files f(
      {numbered("a.weight", 2, 3), numbered("a.bias", 2, 1), numbered("b.weight", 4, 3), numbered("b.bias", 4, 1)});
  const strata::weight_files weights = f.weights();
  const stored_linear::part parts[] = {{"a", 2}, {"b", 4, row_order::rotary_pairs}};
  const stored_linear linear(weights, parts, 3, true, false, 4);
  CHECK(linear.rows() == 6);
  CHECK(linear.elements() == 6 * 3 + 6);
  strata::matrix<double> m;
  std::vector<double> bias;
  const std::vector<double> rows{0, 100, 0, 200, 100, 300};
  for (const std::size_t threads : {1U, 2U}) {
    linear.expand_into(m, bias, threads);
    for (std::size_t r = 0; r < 6; ++r)
      for (std::size_t c = 0; c < 3; ++c) CHECK(m(r, c) == rows[r] + static_cast<double>(c));
    CHECK(bias == rows);
  }
}

TEST_CASE("a bias that is there and that the settings do not know would change the result: it is refused") {
  const files f({numbered("a.weight", 2, 3), numbered("a.bias", 2, 1)});
  const strata::weight_files weights = f.weights();
  const stored_linear::part parts[] = {{"a", 2}};
  CHECK_THROWS_WITH_AS(stored_linear(weights, parts, 3, false),
                       ((f.folder.path() / "w.safetensors").string() +
                        ": tensor \"a.bias\" is there, but by the settings the matrix has no bias")
                           .c_str(),
                       strata::data_error);
}

TEST_CASE("a transposed tensor, larger than a block of the transposition") {
  const files f({numbered("c.weight", 5, 70)});
  const strata::weight_files weights = f.weights();
  const stored_linear::part parts[] = {{"c", 70}};
  strata::matrix<float> m;
  std::vector<float> bias{1};
  stored_linear(weights, parts, 5, false, true).expand_into(m, bias, 2);
  CHECK(bias.empty());
  REQUIRE(m.rows() == 70);
  for (std::size_t r = 0; r < 70; ++r)
    for (std::size_t c = 0; c < 5; ++c) CHECK(m(r, c) == static_cast<float>(100 * c + r));
}

TEST_CASE("names are found with and without the model's prefix; what is missing is named in full") {
  const files f({numbered("layers.0.a.weight", 2, 3), numbered("model.b.weight", 2, 3)});
  const strata::weight_files weights = f.weights();
  CHECK(strata::detail::resolved(weights, "model.layers.0.a.weight") == "layers.0.a.weight");
  CHECK(strata::detail::resolved(weights, "transformer.layers.0.a.weight") == "layers.0.a.weight");
  CHECK(strata::detail::resolved(weights, "model.b.weight") == "model.b.weight");
  const std::string file = (f.folder.path() / "w.safetensors").string();
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::detail::find_tensor(weights, "model.c.weight", {2, 3})),
                       (file + ": tensor \"model.c.weight\" is missing").c_str(), strata::data_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::detail::find_tensor(weights, "model.layers.0.a.weight", {3, 3})),
                       (file + ": tensor \"layers.0.a.weight\" has shape (2, 3), expected (3, 3)").c_str(),
                       strata::data_error);
}
