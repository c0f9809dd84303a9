// Indices and slices of sequences, as Python reads them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>

#include "master/managers/arguments.h"

namespace reeve::master::managers {

// start, start + step, …: `count` places of a sequence.
struct SliceRange {
  std::int64_t start = 0;
  std::int64_t step = 1;
  std::size_t count = 0;

  std::size_t operator[](std::size_t i) const {
    return static_cast<std::size_t>(start + step * static_cast<std::int64_t>(i));
  }
  std::size_t first() const { return static_cast<std::size_t>(start); }  // also of an empty one, with step 1
};

// A place in a sequence of `length` elements; negative ones count from the end. Raises IndexError with `text`.
inline std::expected<std::size_t, Raise> place_of(std::int64_t index, std::size_t length,
                                                  std::string_view text) {
  const auto size = static_cast<std::int64_t>(length);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return raise("IndexError", std::string{text});
  return static_cast<std::size_t>(index);
}

// Where insert() puts it, and where a plain slice begins or ends: any number means something.
inline std::size_t clamped(std::int64_t index, std::size_t length) {
  const auto size = static_cast<std::int64_t>(length);
  if (index < 0) index = index < -size ? 0 : index + size;
  return static_cast<std::size_t>(std::min(index, size));
}

inline SliceRange plain_slice(std::int64_t from, std::int64_t to, std::size_t length) {
  const std::size_t begin = clamped(from, length), end = std::max(begin, clamped(to, length));
  return {static_cast<std::int64_t>(begin), 1, end - begin};
}

// Where index() begins or ends to look: a number of any size, clamped to 64 bits. Raises TypeError.
std::expected<std::int64_t, Raise> end_of_search(const pickle::Fragment& argument);

// Pre: the value is a slice. Raises TypeError, ValueError.
std::expected<SliceRange, Raise> slice_of(const pickle::Value& slice, std::size_t length);

// An index, or a slice.
struct Place {
  bool is_slice = false;
  std::size_t index = 0;
  SliceRange slice = {};
};
// `what`: "list". `range_text`: of the IndexError.
std::expected<Place, Raise> place_in(const pickle::Fragment& argument, std::size_t length,
                                     std::string_view what, std::string_view range_text);

}  // namespace reeve::master::managers
