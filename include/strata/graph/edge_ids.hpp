/// A sequence of edge ids (or ranks), 4 bytes each where the graph allows, 8 above. An order of edges is such a
/// sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

#include "strata/core/contract.hpp"
#include "strata/core/uninitialised_allocator.hpp"
#include "strata/graph/edge.hpp"

namespace strata {

class edge_ids {
 public:
  edge_ids() = default;

  /// For values 0 … largest.
  explicit edge_ids(edge_id largest) : wide_(largest > std::numeric_limits<std::uint32_t>::max()) {}
  edge_ids(edge_id largest, std::size_t count, edge_id value) : edge_ids(largest) {
    wide_ ? values64_.assign(count, value) : values32_.assign(count, static_cast<std::uint32_t>(value));
  }

  [[nodiscard]] std::size_t size() const { return wide_ ? values64_.size() : values32_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t bytes_per_id() const { return wide_ ? sizeof(std::uint64_t) : sizeof(std::uint32_t); }

  [[nodiscard]] edge_id operator[](std::size_t i) const {
    STRATA_ASSERT(i < size(), "edge_ids: index out of range");
    return wide_ ? values64_[i] : values32_[i];
  }
  void set(std::size_t i, edge_id value) {
    STRATA_ASSERT(i < size() && fits(value), "edge_ids::set: index or value out of range");
    if (wide_) {
      values64_[i] = value;
    } else {
      values32_[i] = static_cast<std::uint32_t>(value);
    }
  }
  void push_back(edge_id value) {
    STRATA_ASSERT(fits(value), "edge_ids::push_back: value out of range");
    if (wide_) {
      values64_.push_back(value);
    } else {
      values32_.push_back(static_cast<std::uint32_t>(value));
    }
  }
  void reserve(std::size_t count) { wide_ ? values64_.reserve(count) : values32_.reserve(count); }

  /// Whether each id takes 4 bytes.
  [[nodiscard]] bool narrow() const { return !wide_; }
  /// All ids of a narrow sequence, without the question at each.
  [[nodiscard]] std::span<const std::uint32_t> narrow_ids() const {
    STRATA_ASSERT(!wide_, "edge_ids::narrow_ids: the ids take 8 bytes each");
    return values32_;
  }
  [[nodiscard]] std::span<std::uint32_t> narrow_ids() {
    STRATA_ASSERT(!wide_, "edge_ids::narrow_ids: the ids take 8 bytes each");
    return values32_;
  }
  /// Another length; new ids are whatever the memory holds, to be written before they are read.
  void resize_uninitialised(std::size_t count) { wide_ ? values64_.resize(count) : values32_.resize(count); }

  class iterator {
   public:
    using value_type = edge_id;
    using difference_type = std::ptrdiff_t;
    using reference = edge_id;
    using pointer = void;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    iterator(const edge_ids* ids, std::size_t i) : ids_(ids), i_(i) {}
    edge_id operator*() const { return (*ids_)[i_]; }
    iterator& operator++() {
      ++i_;
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++i_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) = default;

   private:
    const edge_ids* ids_ = nullptr;
    std::size_t i_ = 0;
  };
  [[nodiscard]] iterator begin() const { return {this, 0}; }
  [[nodiscard]] iterator end() const { return {this, size()}; }

  friend bool operator==(const edge_ids&, const edge_ids&) = default;

 private:
  [[nodiscard]] bool fits(edge_id value) const { return wide_ || value <= std::numeric_limits<std::uint32_t>::max(); }

  std::vector<std::uint32_t, detail::uninitialised_allocator<std::uint32_t>> values32_;
  std::vector<std::uint64_t, detail::uninitialised_allocator<std::uint64_t>> values64_;
  bool wide_ = false;
};

}  // namespace strata
