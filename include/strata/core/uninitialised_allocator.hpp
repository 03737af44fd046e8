/// For vectors that are written before they are read.
#pragma once

#include <memory>
#include <new>
#include <utility>

namespace strata::detail {

/// Leaves new elements as the memory is, where a vector would otherwise write zeros first.
template <class T>
struct uninitialised_allocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = uninitialised_allocator<U>;
  };
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    std::construct_at(place, std::forward<Arguments>(arguments)...);
  }
};

}  // namespace strata::detail
