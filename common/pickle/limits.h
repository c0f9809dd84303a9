// Bounds on pickles that others wrote: each with a name, each exceeded with an error that says the name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reeve::pickle {

struct Limits {
  // Of a pickle as it comes in. The scan keeps about 70 bytes for each opcode.
  std::size_t pickle_bytes_max = 1u << 30;
  std::uint32_t opcodes_max = 5'000'000;
  std::uint32_t stack_max = 1'000'000;
  std::uint32_t marks_max = 5'000;   // open at the same time
  std::uint32_t depth_max = 10'000;  // nesting of a value
  std::uint32_t memo_max = 4'000'000;
  std::uint32_t line_bytes_max = 1u << 16;          // arguments that end with the line
  std::uint32_t decimal_digits_max = 4'300;         // numbers as text: their conversion takes quadratic time
  std::uint64_t class_names_max_bytes = 16u << 20;  // of STACK_GLOBAL, a memoised text as often as it is used
  std::uint32_t arguments_max = 10'000;             // of a request, by position and by keyword
  // Of a fragment: definitions from outside of it are copied into it.
  std::uint32_t inline_factor_max = 4;         // times the pickle's size
  std::uint32_t inline_extra_bytes = 4'096;    // and this much more
  std::uint64_t inline_bytes_max = 64u << 20;  // of all fragments of one pickle that needed it
  std::uint32_t inline_depth_max = 2'000;      // definitions that need definitions
  // Of a fragment in the form for another reader, where opcodes of a byte become calls of classes.
  std::uint32_t convert_factor_max = 32;         // times the fragment's size
  std::uint32_t convert_extra_bytes = 1u << 20;  // and this much more
  // Of decoded values. A value nested deeper stays opaque.
  std::uint32_t value_depth_max = 200;
  std::uint32_t value_elements_max = 2'000'000;
  // Of one comparison, hash, text: a small value can stand for 2^200 elements that are shared.
  std::uint32_t steps_max = 2'000'000;
  std::size_t text_bytes_max = 16u << 20;
};

}  // namespace reeve::pickle
