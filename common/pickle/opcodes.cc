#include "common/pickle/opcodes.h"

namespace reeve::pickle {

namespace {

struct Row {
  unsigned char code;
  Opcode opcode;
};

using enum Argument;

constexpr Row rows[] = {
    {'(', {none, Action::mark, 0}},
    {'.', {none, Action::stop, 0}},
    {'0', {none, Action::pop, 0}},
    {'1', {none, Action::pop_mark, 1}},
    {'2', {none, Action::refused, 0}},  // DUP
    {'F', {line, Action::atom, 0}},
    {'I', {line, Action::decimal, 0}},
    {'J', {fixed4, Action::atom, 1}},
    {'K', {fixed1, Action::atom, 1}},
    {'L', {line, Action::decimal, 0}},
    {'M', {fixed2, Action::atom, 1}},
    {'N', {none, Action::atom, 0}},
    {'P', {line, Action::refused, 0}},  // PERSID
    {'Q', {none, Action::refused, 1}},  // BINPERSID
    {'R', {none, Action::construct, 0}},
    {'S', {line, Action::quoted, 0}},
    {'T', {counted4_signed, Action::python2_string, 1}},
    {'U', {counted1, Action::python2_string, 1}},
    {'V', {line, Action::atom, 0}},
    {'X', {counted4, Action::atom, 1}},
    {'a', {none, Action::append, 0}},
    {'b', {none, Action::build, 0}},
    {'c', {two_lines, Action::global, 0}},
    {'d', {none, Action::dict, 0}},
    {'}', {none, Action::empty_dict, 1}},
    {'e', {none, Action::appends, 1}},
    {'g', {line, Action::get, 0}},
    {'h', {fixed1, Action::get, 1}},
    {'i', {two_lines, Action::inst, 0}},
    {'j', {fixed4, Action::get, 1}},
    {'l', {none, Action::list, 0}},
    {']', {none, Action::empty_list, 1}},
    {'o', {none, Action::obj, 1}},
    {'p', {line, Action::put, 0}},
    {'q', {fixed1, Action::put, 1}},
    {'r', {fixed4, Action::put, 1}},
    {'s', {none, Action::setitem, 0}},
    {'t', {none, Action::tuple, 0}},
    {')', {none, Action::empty_tuple, 1}},
    {'u', {none, Action::setitems, 1}},
    {'G', {fixed8, Action::atom, 1}},
    {0x80, {fixed1, Action::proto, 2}},
    {0x81, {none, Action::construct, 2}},
    {0x82, {fixed1, Action::refused, 2}},  // EXT1
    {0x83, {fixed2, Action::refused, 2}},  // EXT2
    {0x84, {fixed4, Action::refused, 2}},  // EXT4
    {0x85, {none, Action::tuple1, 2}},
    {0x86, {none, Action::tuple2, 2}},
    {0x87, {none, Action::tuple3, 2}},
    {0x88, {none, Action::atom, 2}},
    {0x89, {none, Action::atom, 2}},
    {0x8a, {counted1, Action::atom, 2}},
    {0x8b, {counted4_signed, Action::atom, 2}},
    {'B', {counted4, Action::atom, 3}},
    {'C', {counted1, Action::atom, 3}},
    {0x8c, {counted1, Action::atom, 4}},
    {0x8d, {counted8, Action::atom, 4}},
    {0x8e, {counted8, Action::atom, 4}},
    {0x8f, {none, Action::empty_set, 4}},
    {0x90, {none, Action::additems, 4}},
    {0x91, {none, Action::frozenset, 4}},
    {0x92, {none, Action::construct_ex, 4}},
    {0x93, {none, Action::stack_global, 4}},
    {0x94, {none, Action::memoize, 4}},
    {0x95, {fixed8, Action::frame, 4}},
    {0x96, {counted8, Action::atom, 5}},
    {0x97, {none, Action::refused, 5}},  // NEXT_BUFFER
    {0x98, {none, Action::refused, 5}},  // READONLY_BUFFER
};

consteval std::array<Opcode, 256> table() {
  std::array<Opcode, 256> opcodes;
  for (const Row& row : rows) opcodes[row.code] = row.opcode;
  return opcodes;
}

}  // namespace

constinit const std::array<Opcode, 256> opcodes = table();

}  // namespace reeve::pickle
