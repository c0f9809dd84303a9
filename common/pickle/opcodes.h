// The 68 opcodes of pickle protocols 0 to 5: what argument follows each, and what it does to the stack.
#pragma once

#include <array>
#include <cstdint>

namespace reeve::pickle {

namespace op {
inline constexpr char mark = '(', stop = '.', pop = '0', none = 'N', reduce = 'R', global = 'c', list = 'l',
                      tuple = 't', appends = 'e', setitems = 'u', empty_list = ']', empty_dict = '}',
                      empty_tuple = ')', append = 'a', binint = 'J', binint1 = 'K', binint2 = 'M',
                      binfloat = 'G', binstring = 'T', short_binstring = 'U', binunicode = 'X',
                      binbytes = 'B', short_binbytes = 'C', long_binput = 'r', long_binget = 'j',
                      int_line = 'I', long_line = 'L', float_line = 'F', string_line = 'S',
                      unicode_line = 'V', inst = 'i', build = 'b';
inline constexpr char proto = '\x80', newobj = '\x81', tuple1 = '\x85', tuple2 = '\x86', tuple3 = '\x87',
                      newtrue = '\x88', newfalse = '\x89', long1 = '\x8a', long4 = '\x8b',
                      short_binunicode = '\x8c', binunicode8 = '\x8d', binbytes8 = '\x8e', empty_set = '\x8f',
                      additems = '\x90', frozenset = '\x91', newobj_ex = '\x92', stack_global = '\x93',
                      memoize = '\x94', frame = '\x95', bytearray8 = '\x96';
}  // namespace op

enum class Argument : std::uint8_t {
  none,
  fixed1,
  fixed2,
  fixed4,
  fixed8,
  counted1,  // a length of so many bytes, little endian, and what it counts
  counted4,
  counted4_signed,
  counted8,
  line,  // up to the end of the line
  two_lines,
};

enum class Action : std::uint8_t {
  unknown,
  refused,  // no Python connection sends it
  stop,
  proto,
  frame,
  mark,
  atom,
  decimal,         // INT, LONG
  quoted,          // STRING
  python2_string,  // BINSTRING, SHORT_BINSTRING
  global,
  empty_tuple,
  empty_list,
  empty_dict,
  empty_set,
  put,
  memoize,
  get,
  pop,
  pop_mark,
  tuple1,
  tuple2,
  tuple3,
  tuple,
  list,
  dict,
  frozenset,
  append,
  appends,
  additems,
  setitem,
  setitems,
  build,
  construct,     // REDUCE, NEWOBJ: callable and arguments
  construct_ex,  // NEWOBJ_EX
  stack_global,
  obj,
  inst,
};

struct Opcode {
  Argument argument = Argument::none;
  Action action = Action::unknown;
  std::uint8_t protocol = 0;  // that introduced it
};

extern const std::array<Opcode, 256> opcodes;

inline const Opcode& opcode_of(char code) { return opcodes[static_cast<unsigned char>(code)]; }

}  // namespace reeve::pickle
