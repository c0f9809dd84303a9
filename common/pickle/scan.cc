#include "common/pickle/scan.h"

#include <algorithm>
#include <charconv>

#include "common/base/utf8.h"
#include "common/pickle/utf8.h"

namespace reeve::pickle {

namespace {

constexpr std::size_t kept_elements_max = 1u << 16;  // of the tables, between two pickles

template <typename Table>
void clear(Table& table) {
  table.clear();
  if (table.capacity() > kept_elements_max) table.shrink_to_fit();
}

bool is_proxy_maker(Scan::Name name) {
  return name.name == "RebuildProxy" && name.module == "multiprocessing.managers";
}

}  // namespace

Result<void> Scan::pickle(std::string_view pickle) { return run(pickle, Form::pickle); }
Result<void> Scan::fragment(std::string_view bytes) { return run(bytes, Form::fragment); }

void Scan::reset(std::string_view bytes) {
  bytes_ = bytes;
  protocol_ = 0;
  class_names_bytes_ = 0;
  clear(entries_);
  clear(events_);
  clear(stack_);
  clear(marks_);
  clear(memo_);
  if (!sparse_memo_.empty()) sparse_memo_ = {};
  memo_count_ = 0;
  slice_ = 0;
  inlined_bytes_left = limits_.inline_bytes_max;
  error_.reset();
}

Result<void> Scan::run(std::string_view bytes, Form form) {
  reset(bytes);
  const std::size_t bytes_max = std::min<std::size_t>(
      form == Form::fragment
          ? limits_.pickle_bytes_max * limits_.inline_factor_max + limits_.inline_extra_bytes
          : limits_.pickle_bytes_max,
      ~std::uint32_t{0} - 1);
  if (bytes.size() > bytes_max)
    return fail(Errc::limit_reached, "a pickle of {} bytes; pickle_bytes_max is {}", bytes.size(),
                limits_.pickle_bytes_max);
  Token token;
  for (std::uint32_t count = 0;; token.at = token.end) {
    if (token.at == bytes.size()) {
      if (form == Form::fragment) break;
      return fail(Errc::protocol_error, "the pickle ends without STOP");
    }
    const Opcode& opcode = opcode_of(bytes[token.at]);
    if (!read_token(bytes, opcode.argument, limits_.line_bytes_max, token)) {
      broken(token, "its argument is not complete, or a line too long");
      return fail(std::move(*error_));
    }
    if (opcode.action == Action::stop && form != Form::fragment) break;
    if (++count > limits_.opcodes_max) {
      beyond(token, "opcodes_max", limits_.opcodes_max);
      return fail(std::move(*error_));
    }
    const bool misplaced = opcode.action == Action::proto ? token.at != 0 || form == Form::fragment
                                                          : opcode.action == Action::stop;
    if (misplaced) broken(token, "an opcode that does not belong here");
    if (misplaced || !step(opcode, token)) return fail(std::move(*error_));
  }
  if (form == Form::pickle && token.end != bytes.size())
    return fail(Errc::protocol_error, "{} bytes behind the pickle's STOP", bytes.size() - token.end);
  if (!marks_.empty() || stack_.size() != 1)
    return fail(Errc::protocol_error,
                "{} objects and {} MARKs at the pickle's end; there has to be one object", stack_.size(),
                marks_.size());
  return {};
}

bool Scan::step(const Opcode& opcode, const Token& token) {
  using Kind = Entry::Kind;
  switch (opcode.action) {
    case Action::unknown:
      return broken(token, "no such opcode");
    case Action::refused:
      return broken(token, "an opcode that no Python sends through a connection");
    case Action::stop:
      return true;
    case Action::proto:
      protocol_ = static_cast<std::uint8_t>(bytes_[token.argument]);
      if (protocol_ > 5) return broken(token, "a newer protocol than 5");
      note(token, Event::Kind::skip);
      return true;
    case Action::frame:
      note(token, Event::Kind::skip);
      return true;
    case Action::mark:
      return mark(token);
    case Action::atom:
      if (opcode.protocol > 2) note(token, Event::Kind::protocol);
      return push(token, Kind::atom);
    case Action::decimal:
      return decimal(token);
    case Action::quoted:
      return quoted(token);
    case Action::python2_string:
      return python2_string(token);
    case Action::global:
      return global(token, Kind::global);
    case Action::empty_tuple:
      return push(token, Kind::tuple);
    case Action::empty_list:
      return push(token, Kind::list);
    case Action::empty_dict:
      return push(token, Kind::dict);
    case Action::empty_set:
      note(token, Event::Kind::protocol);
      return push(token, Kind::set);
    case Action::put: {
      std::uint32_t number;
      return memo_number(token, number) && memo_put(token, number);
    }
    case Action::memoize:
      return memo_put(token, memo_count_);
    case Action::get:
      return memo_get(token);
    case Action::pop:
      return pop(token);
    case Action::pop_mark:
      return pop_mark(token);
    case Action::tuple1:
      return tuple_of(token, 1);
    case Action::tuple2:
      return tuple_of(token, 2);
    case Action::tuple3:
      return tuple_of(token, 3);
    case Action::tuple:
      return push_marked(token, Kind::tuple);
    case Action::list:
      return push_marked(token, Kind::list);
    case Action::dict:
      return push_marked(token, Kind::dict);
    case Action::frozenset:
      note(token, Event::Kind::protocol);
      return push_marked(token, Kind::frozenset);
    case Action::append:
      return holds(2) ? grow(token, Kind::list, static_cast<std::uint32_t>(stack_.size()) - 1, 1)
                      : broken(token, "nothing to append to");
    case Action::setitem:
      return holds(3) ? grow(token, Kind::dict, static_cast<std::uint32_t>(stack_.size()) - 2, 2)
                      : broken(token, "nothing to set an item in");
    case Action::appends:
      return grow_marked(token, Kind::list, 1);
    case Action::additems:
      return grow_marked(token, Kind::set, 1);
    case Action::setitems:
      return grow_marked(token, Kind::dict, 2);
    case Action::build:
      return build(token);
    case Action::construct:
      return construct(token, 2);
    case Action::construct_ex:
      note(token, Event::Kind::protocol);
      return construct(token, 3);
    case Action::stack_global:
      return stack_global(token);
    case Action::obj:
      if (marks_.empty() || stack_.size() == marks_.back().height)
        return broken(token, "no class behind the MARK");
      return push_marked(token, Kind::object);
    case Action::inst:
      return global(token, Kind::object);
  }
  return broken(token, "no such opcode");
}

bool Scan::mark(const Token& token) {
  if (marks_.size() >= limits_.marks_max) return beyond(token, "marks_max", limits_.marks_max);
  marks_.push_back({static_cast<std::uint32_t>(stack_.size()), token.at});
  return true;
}

std::uint32_t Scan::boundary() const {
  if (stack_.size() > floor()) return entries_[stack_.back()].end;
  return marks_.empty() ? 0 : marks_.back().at + 1;
}

bool Scan::push(const Token& token, Entry::Kind kind) {
  return push_from(boundary(), token, kind, static_cast<std::uint32_t>(stack_.size()));
}

// Replaces what is on the stack from `first_on_stack` on by one entry that has it as children.
bool Scan::push_from(std::uint32_t begin, const Token& token, Entry::Kind kind,
                     std::uint32_t first_on_stack) {
  if (first_on_stack >= limits_.stack_max) return beyond(token, "stack_max", limits_.stack_max);
  const auto index = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back({.begin = begin, .end = token.end, .opcode = token.at, .kind = kind});
  if (!adopt(index, first_on_stack, true)) return beyond(token, "depth_max", limits_.depth_max);
  stack_.resize(first_on_stack);
  stack_.push_back(index);
  return true;
}

bool Scan::push_marked(const Token& token, Entry::Kind kind) {
  if (marks_.empty()) return broken(token, "no MARK");
  const Mark mark = marks_.back();
  marks_.pop_back();
  const auto count = static_cast<std::uint32_t>(stack_.size()) - mark.height;
  if (kind == Entry::Kind::dict && count % 2 != 0) return broken(token, "a key without a value");
  const std::uint32_t begin = mark.height > floor() ? entries_[stack_[mark.height - 1]].end
                              : marks_.empty()      ? 0
                                                    : marks_.back().at + 1;
  if (!push_from(begin, token, kind, mark.height)) return false;
  entries_.back().edge = mark.at;
  entries_.back().operands = count;
  return true;
}

// Makes what is on the stack from `first_on_stack` on the children of `parent`, if it is to keep them. False: too deep.
bool Scan::adopt(std::uint32_t parent, std::uint32_t first_on_stack, bool keep) {
  Entry& entry = entries_[parent];
  for (std::size_t i = first_on_stack; i < stack_.size(); ++i) {
    const std::uint32_t index = stack_[i];
    entry.depth = std::max(entry.depth, entries_[index].depth + 1);
    if (!keep) continue;
    (entry.last == nothing ? entry.first : entries_[entry.last].next) = index;
    entry.last = index;
    ++entry.children;
  }
  return entry.depth <= limits_.depth_max;
}

bool Scan::decimal(const Token& token) {
  std::string_view digits = argument(token.at);
  if (bytes_[token.at] == op::long_line && digits.ends_with('L')) digits.remove_suffix(1);
  if (digits.starts_with('-') || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.size() > limits_.decimal_digits_max)
    return beyond(token, "decimal_digits_max", limits_.decimal_digits_max);
  const bool valid =
      !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  return valid ? push(token, Entry::Kind::atom) : broken(token, "this is no number");
}

bool Scan::quoted(const Token& token) {
  const std::string_view text = argument(token.at);
  const bool valid =
      text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front();
  if (!valid) return broken(token, "a string without quotes");
  if (!is_ascii(text) || text.find('\\') != text.npos) note(token, Event::Kind::high_bytes);
  return push(token, Entry::Kind::atom);
}

bool Scan::python2_string(const Token& token) {
  if (!is_ascii(bytes_.substr(token.argument, token.bytes))) note(token, Event::Kind::high_bytes);
  return push(token, Entry::Kind::atom);
}

bool Scan::global(const Token& token, Entry::Kind kind) {
  if (!is_utf8(bytes_.substr(token.argument, token.bytes))) return broken(token, "a name that is no UTF-8");
  note(token, Event::Kind::global);
  return kind == Entry::Kind::global ? push(token, kind) : push_marked(token, kind);
}

bool Scan::memo_number(const Token& token, std::uint32_t& number) {
  switch (opcode_of(bytes_[token.at]).argument) {
    case Argument::fixed1:
      number = static_cast<unsigned char>(bytes_[token.argument]);
      return true;
    case Argument::fixed4:
      number = read_number<std::uint32_t>(bytes_, token.argument);
      return true;
    default: {
      constexpr std::uint32_t digits_max = 9;
      const char* const first = bytes_.data() + token.argument;
      const auto [end, error] = std::from_chars(first, first + token.bytes, number);
      const bool valid = error == std::errc{} && end == first + token.bytes && token.bytes <= digits_max;
      return valid || broken(token, "the memo has numbers only");
    }
  }
}

// Where the entry of that number is kept, if there is one.
std::uint32_t* Scan::memo_slot(std::uint32_t number) {
  if (number < memo_.size() && memo_[number] != nothing) return &memo_[number];
  if (sparse_memo_.empty()) return nullptr;
  const auto found = sparse_memo_.find(number);
  return found == sparse_memo_.end() ? nullptr : &found->second;
}

bool Scan::memo_put(const Token& token, std::uint32_t number) {
  if (!holds(1)) return broken(token, "nothing to memoise");
  const std::uint32_t index = stack_.back();
  if (std::uint32_t* slot = memo_slot(number)) {
    *slot = index;
  } else {
    if (memo_count_ >= limits_.memo_max) return beyond(token, "memo_max", limits_.memo_max);
    ++memo_count_;
    if (number <= memo_.size() + 1) {
      if (number >= memo_.size()) memo_.resize(std::size_t{number} + 1, nothing);
      memo_[number] = index;
    } else {
      sparse_memo_.emplace(number, index);
    }
  }
  Entry& entry = entries_[index];
  entry.end = token.end;
  if (entry.put == nothing) entry.put = token.at;
  note(token, Event::Kind::put, index);
  return true;
}

bool Scan::memo_get(const Token& token) {
  std::uint32_t number;
  if (!memo_number(token, number)) return false;
  const std::uint32_t* slot = memo_slot(number);
  if (slot == nullptr) return broken(token, "the memo has no such number");
  const std::uint32_t target = *slot;
  note(token, Event::Kind::get, target);
  if (!push(token, Entry::Kind::reference)) return false;
  entries_.back().target = target;
  return true;
}

bool Scan::pop(const Token& token) {
  if (!marks_.empty() && stack_.size() == marks_.back().height) {
    marks_.pop_back();  // as the unpicklers do, too
    return true;
  }
  if (!holds(1)) return broken(token, "nothing to pop");
  stack_.pop_back();
  return true;
}

bool Scan::pop_mark(const Token& token) {
  if (marks_.empty()) return broken(token, "no MARK");
  stack_.resize(marks_.back().height);
  marks_.pop_back();
  return true;
}

bool Scan::tuple_of(const Token& token, std::uint32_t count) {
  if (!holds(count)) return broken(token, "too few objects for a tuple");
  const auto first = static_cast<std::uint32_t>(stack_.size()) - count;
  return push_from(entries_[stack_[first]].begin, token, Entry::Kind::tuple, first);
}

// Puts what is on the stack from `first_on_stack` on into the container below it. A `kind` keeps such children; so
// does an object, which may be a class of its own that is filled like a list or a dict.
bool Scan::grow(const Token& token, Entry::Kind kind, std::uint32_t first_on_stack, std::uint32_t multiple) {
  if ((stack_.size() - first_on_stack) % multiple != 0) return broken(token, "a key without a value");
  const std::uint32_t index = stack_[first_on_stack - 1];
  Entry& entry = entries_[index];
  entry.end = token.end;
  if (kind == Entry::Kind::set) {
    entry.edge = token.at;
    note(token, Event::Kind::protocol, index);
  }
  const bool keep = entry.kind == kind || (entry.kind == Entry::Kind::object && !entry.built);
  if (!adopt(index, first_on_stack, keep)) return beyond(token, "depth_max", limits_.depth_max);
  stack_.resize(first_on_stack);
  return true;
}

bool Scan::grow_marked(const Token& token, Entry::Kind kind, std::uint32_t multiple) {
  if (marks_.empty()) return broken(token, "no MARK");
  const std::uint32_t first = marks_.back().height;
  marks_.pop_back();
  if (first <= floor()) return broken(token, "nothing to fill");
  return grow(token, kind, first, multiple);
}

bool Scan::build(const Token& token) {
  if (!holds(2)) return broken(token, "nothing to give a state to");
  const auto first = static_cast<std::uint32_t>(stack_.size()) - 1;
  const std::uint32_t index = stack_[first - 1];
  Entry& entry = entries_[index];
  entry.end = token.end;
  const bool keep = entry.kind == Entry::Kind::object && !entry.built;
  entry.built = true;
  if (!adopt(index, first, keep)) return beyond(token, "depth_max", limits_.depth_max);
  stack_.resize(first);
  return true;
}

bool Scan::construct(const Token& token, std::uint32_t operands) {
  if (!holds(operands)) return broken(token, "too few objects for a call");
  const auto first = static_cast<std::uint32_t>(stack_.size()) - operands;
  if (!push_from(entries_[stack_[first]].begin, token, Entry::Kind::object, first)) return false;
  Entry& entry = entries_.back();
  entry.operands = operands;
  const std::uint32_t callable = resolve(entry.first);
  if (entries_[callable].kind == Entry::Kind::global && is_proxy_maker(name(callable)))
    note(token, Event::Kind::proxy, static_cast<std::uint32_t>(entries_.size()) - 1);
  return true;
}

bool Scan::stack_global(const Token& token) {
  if (!holds(2)) return broken(token, "too few names for a class");
  const auto first = static_cast<std::uint32_t>(stack_.size()) - 2;
  for (std::uint32_t i = first; i < stack_.size(); ++i) {
    const auto part = text(stack_[i]);
    // Before it is looked at: what is looked at so often was memoised.
    if (part) class_names_bytes_ += part->size();
    if (class_names_bytes_ > limits_.class_names_max_bytes)
      return beyond(token, "class_names_max_bytes", limits_.class_names_max_bytes);
    if (!part || !is_utf8(*part)) return broken(token, "a name that is no text");
  }
  if (!push_from(entries_[stack_[first]].begin, token, Entry::Kind::global, first)) return false;
  note(token, Event::Kind::stack_global, static_cast<std::uint32_t>(entries_.size()) - 1);
  return true;
}

void Scan::note(const Token& token, Event::Kind kind, std::uint32_t entry) {
  events_.push_back({.at = token.at,
                     .entry = entry,
                     .kind = kind,
                     .bytes = static_cast<std::uint8_t>(std::min(token.end - token.at, 255u)),
                     .protocol = opcode_of(bytes_[token.at]).protocol});
}

std::uint32_t Scan::child(const Entry& entry, std::uint32_t i) const {
  std::uint32_t index = entry.first;
  for (; i > 0; --i) index = entries_[index].next;
  return resolve(index);
}

Token Scan::token(std::uint32_t at) const {
  Token token{.at = at};
  read_token(bytes_, opcode_of(bytes_[at]).argument, limits_.line_bytes_max, token);
  return token;
}

std::string_view Scan::argument(std::uint32_t at) const {
  const Token found = token(at);
  return bytes_.substr(found.argument, found.bytes);
}

std::optional<std::string_view> Scan::text(std::uint32_t index) const {
  const Entry& entry = entries_[resolve(index)];
  if (entry.kind != Entry::Kind::atom) return {};
  switch (bytes_[entry.opcode]) {
    case op::short_binunicode:
    case op::binunicode:
    case op::binunicode8:
      return argument(entry.opcode);
    case op::short_binstring:
    case op::binstring: {
      const std::string_view bytes = argument(entry.opcode);
      if (is_ascii(bytes)) return bytes;
      return {};
    }
    default:
      return {};
  }
}

Scan::Name Scan::split_name(std::string_view lines) {
  const std::size_t end = lines.find('\n');
  return {lines.substr(0, end), lines.substr(end + 1)};
}

Scan::Name Scan::name(std::uint32_t index) const {
  const Entry& entry = entries_[resolve(index)];
  if (bytes_[entry.opcode] != op::stack_global) return split_name(argument(entry.opcode));
  return {*text(entry.first), *text(entry.last)};
}

bool Scan::broken(const Token& token, std::string_view what) {
  error_ = fail(Errc::protocol_error, "pickle opcode 0x{:02x} at byte {}: {}",
                static_cast<unsigned char>(bytes_[token.at]), token.at, what)
               .error();
  return false;
}

bool Scan::beyond(const Token& token, std::string_view limit, std::uint64_t value) {
  error_ = fail(Errc::limit_reached, "pickle at byte {}: {} is {}", token.at, limit, value).error();
  return false;
}

}  // namespace reeve::pickle
