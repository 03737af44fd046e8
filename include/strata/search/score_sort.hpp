/// Edges by falling score.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace strata::detail {

/// Ascending unsigned numbers for falling floating-point ones; −0 and 0 give the same.
template <class T>
[[nodiscard]] auto falling_bits(T value) {
  using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr bits sign = bits{1} << (8 * sizeof(T) - 1);
  const bits b = std::bit_cast<bits>(value + T{0});
  return (b & sign) != 0 ? b : static_cast<bits>(~b & ~sign);
}

template <class T>
struct keyed_edge {
  decltype(falling_bits(T{})) key;  // of its score
  std::uint32_t id;
};

/// Sorts edges by falling score; edges of equal score stay as they are.
/// Cost: O(n); scratch memory for up to 2²⁰ edges, and another 8 bytes (16 for double) for each id of a list of ids.
template <class T>
class score_sort {
 public:
  explicit score_sort(std::span<const T> scores) : scores_(scores) {}

  /// Writes the sorted ids; the edges are used up.
  void operator()(std::span<keyed_edge<T>> edges, std::uint32_t* ids) {
    if (edges.size() <= longest_by_insertion) return by_insertion(edges, ids);
    bits differ = 0;
    for (const keyed_edge<T>& e : edges) differ |= e.key ^ edges[0].key;
    edges.size() <= longest_by_digits ? by_digits(edges, differ, ids) : by_parts(edges, differ, ids);
  }

  void operator()(std::span<std::uint32_t> ids) {
    if (ids.size() < 2) return;
    if (gathered_.size() < ids.size()) gathered_.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) gathered_[i] = {falling_bits(scores_[ids[i]]), ids[i]};
    (*this)(std::span(gathered_).first(ids.size()), ids.data());
  }

 private:
  using bits = decltype(falling_bits(T{}));
  static constexpr std::size_t longest_by_insertion = 40;
  static constexpr std::size_t longest_by_digits = std::size_t{1} << 20;

  static void by_insertion(std::span<keyed_edge<T>> edges, std::uint32_t* ids) {
    for (std::size_t i = 1; i < edges.size(); ++i) {
      const keyed_edge<T> e = edges[i];
      std::size_t k = i;
      for (; k > 0 && e.key < edges[k - 1].key; --k) edges[k] = edges[k - 1];
      edges[k] = e;
    }
    for (std::size_t i = 0; i < edges.size(); ++i) ids[i] = edges[i].id;
  }

  // From the lowest digit to the highest, only those in which keys differ.
  void by_digits(std::span<keyed_edge<T>> edges, bits differ, std::uint32_t* ids) {
    constexpr unsigned digit = 8;
    constexpr std::size_t values = std::size_t{1} << digit;
    if (other_.size() < edges.size()) other_.resize(edges.size());
    keyed_edge<T>* from = edges.data();
    keyed_edge<T>* to = other_.data();
    while (differ != 0) {
      const auto shift = static_cast<unsigned>(std::countr_zero(differ));
      differ = shift + digit < 8 * sizeof(bits) ? differ >> (shift + digit) << (shift + digit) : 0;
      std::array<std::uint32_t, values> place{};
      for (std::size_t i = 0; i < edges.size(); ++i) ++place[(from[i].key >> shift) % values];
      std::uint32_t sum = 0;
      for (std::uint32_t& p : place) sum += std::exchange(p, sum);
      for (std::size_t i = 0; i < edges.size(); ++i) to[place[(from[i].key >> shift) % values]++] = from[i];
      std::swap(from, to);
    }
    for (std::size_t i = 0; i < edges.size(); ++i) ids[i] = from[i].id;
  }

  // By the highest digit in which keys differ, and then each part: longer lists, which need no second copy this way.
  void by_parts(std::span<keyed_edge<T>> edges, bits differ, std::uint32_t* ids) {
    constexpr unsigned digit = 16;
    constexpr std::size_t values = std::size_t{1} << digit;
    const auto width = static_cast<unsigned>(std::bit_width(differ));
    const unsigned shift = width > digit ? width - digit : 0;
    std::vector<std::uint32_t> place(values);
    for (const keyed_edge<T>& e : edges) ++place[(e.key >> shift) % values];
    std::uint32_t sum = 0;
    for (std::uint32_t& p : place) sum += std::exchange(p, sum);
    for (const keyed_edge<T>& e : edges) ids[place[(e.key >> shift) % values]++] = e.id;
    if (shift == 0) return;
    std::uint32_t begin = 0;
    for (const std::uint32_t end : place) {
      (*this)(std::span(ids + begin, end - begin));
      begin = end;
    }
  }

  std::span<const T> scores_;
  std::vector<keyed_edge<T>> gathered_, other_;
};

}  // namespace strata::detail
