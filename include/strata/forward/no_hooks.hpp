/// The plain run: every join is an addition.
#pragma once

#include <cstddef>
#include <span>

#include "strata/core/contract.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/norm.hpp"

namespace strata {

namespace detail {

/// x ← x + post_norm(out) for one row; out may be changed. The same code in every run, so that a masked run that keeps
/// all edges gives the bits of the plain run.
template <class T>
void join_row(std::span<T> x, std::span<T> out, const norm<T>* post_norm) {
  STRATA_ASSERT(x.size() == out.size(), "join: x and out have different widths");
  if (post_norm != nullptr) post_norm->apply(out);
  for (std::size_t j = 0; j < x.size(); ++j) x[j] += out[j];
}

}  // namespace detail

template <class T>
struct no_hooks {
  void attend(std::size_t /*layer*/, std::size_t /*head*/, std::size_t /*row0*/, matrix_view<T> /*weights*/) {}

  void join_attention(std::size_t /*layer*/, matrix_view<T> x, matrix_view<T> out, const attention_parts<T>& parts,
                      row_list /*rows*/ = {}) {
    for (std::size_t r = 0; r < x.rows; ++r) detail::join_row(x.row(r), out.row(r), parts.post_norm);
  }

  void join_mlp(std::size_t /*layer*/, matrix_view<T> x, matrix_view<T> out, row_list /*rows*/ = {}) {
    for (std::size_t r = 0; r < x.rows; ++r) detail::join_row<T>(x.row(r), out.row(r), nullptr);
  }

  void finish(matrix_view<T> x, const norm<T>& final_norm) {
    for (std::size_t r = 0; r < x.rows; ++r) final_norm.apply(x.row(r));
  }
};

static_assert(forward_hooks<no_hooks<float>, float> && forward_hooks<hooks_archetype<float>, float>);
static_assert(forward_pass<forward_pass_archetype<float>> && !batched_forward_pass<forward_pass_archetype<float>>);

}  // namespace strata
