#include "common/pickle/convert.h"

#include <algorithm>
#include <unordered_set>

#include "common/pickle/class_list.h"
#include "common/pickle/escapes.h"
#include "common/pickle/names.h"
#include "common/pickle/put.h"
#include "common/pickle/slice.h"
#include "common/pickle/utf8.h"

namespace reeve::pickle {

namespace {

constexpr std::uint32_t python2_bytes_max = 0x7fff'ffff;

bool is_date(const ClassName& name) { return name.module == "datetime"; }

// Python 2 pickles the state of a date as a str, which may happen to be ASCII; Python 3 wants bytes.
bool has_python2_dates(const Fragment& fragment) {
  return fragment.python2_names && std::ranges::any_of(fragment.classes, is_date);
}

// Copies a fragment opcode by opcode and writes some of them in another way.
//
// Always: what was written so far leaves the same objects on the stack as what was read, but for a set that is being
// filled: its type and a list stand in its place, and its PUT waits until it is made.
class Converter {
 public:
  enum class Names : std::uint8_t { with_texts, alone };

  Converter(const Fragment& from, Reader reader, const Limits& limits, Names names = Names::with_texts)
      : from_(from), reader_(reader), names_(names), scan_(limits), lowers_(reader == Reader::python2) {
    out_.memo_count = from.memo_count;
    out_.python2_names = lowers_ || from.python2_names;
    out_.protocol = 2;
    out_.high_bytes = lowers_ && from.high_bytes;
    out_.token_idents = from.token_idents;
    if (!lowers_) out_.classes = from.classes;
  }

  Result<Fragment> run() {
    if (Result<void> scanned = scan_.fragment(from_.bytes); !scanned) return fail(std::move(scanned.error()));
    find_special();
    if (has_fold_) return fail(Errc::invalid_argument, "a time with fold=1 has no form in Python 2");
    const std::uint64_t bytes_max = std::uint64_t{scan_.limits().convert_factor_max} * from_.bytes.size() +
                                    scan_.limits().convert_extra_bytes;
    out_.bytes.reserve(from_.bytes.size() + from_.bytes.size() / 8);
    for (std::uint32_t at = 0; at < from_.bytes.size();) {
      const Token token = scan_.token(at);
      while (event_ < scan_.events().size() && scan_.events()[event_].at < at) ++event_;
      if (Result<void> written = write(token); !written) return fail(std::move(written.error()));
      if (out_.bytes.size() > bytes_max)
        return fail(
            Errc::limit_reached,
            "the form for that reader gets too long; convert_factor_max is {}, convert_extra_bytes {}",
            scan_.limits().convert_factor_max, scan_.limits().convert_extra_bytes);
      at = token.end;
    }
    return std::move(out_);
  }

 private:
  // What can only be known from the whole: where frozensets begin, which texts are names of classes, which strings are
  // the state of a date, or of one that has no form.
  void find_special() {
    for (std::uint32_t i = 0; i < scan_.entries(); ++i) {
      const Entry& entry = scan_.entry(i);
      if (lowers_ && entry.kind == Entry::Kind::frozenset) frozenset_marks_.insert(entry.edge);
      if (names_ == Names::alone && entry.kind == Entry::Kind::global) find_name_texts(entry);
      if (entry.kind == Entry::Kind::object) find_date(entry);
    }
    if (!lowers_) return;
    for (const Event& event : scan_.events())
      if (event.kind == Event::Kind::proxy) find_type_of_object(event.entry);
  }

  // Python 2 makes a class of this name for the proxy of a queue or a lock, and takes no unicode for it.
  void find_type_of_object(std::uint32_t proxy) {
    const auto state = token_state(scan_, proxy);
    if (!state) return;
    const Entry& type = scan_.entry(scan_.child(scan_.entry(*state), 0));
    if (type.kind == Entry::Kind::atom) native_texts_.insert(type.opcode);
  }

  void find_name_texts(const Entry& entry) {
    if (from_.bytes[entry.opcode] != op::stack_global) return;
    const Entry &module = scan_.entry(entry.first), &name = scan_.entry(entry.last);
    const auto plain = [](const Entry& text) {
      return text.kind == Entry::Kind::atom && text.put == nothing;
    };
    if (plain(module) && plain(name)) dropped_.insert({module.opcode, name.opcode, entry.opcode});
  }

  void find_date(const Entry& entry) {
    const bool has_dates = lowers_ ? names_ == Names::with_texts : has_python2_dates(from_);
    if (from_.bytes[entry.opcode] != op::reduce || !has_dates) return;
    const Entry& callable = scan_.entry(scan_.child(entry, 0));
    const Entry& arguments = scan_.entry(scan_.child(entry, 1));
    if (callable.kind != Entry::Kind::global || arguments.kind != Entry::Kind::tuple ||
        arguments.children == 0)
      return;
    const Scan::Name name = scan_.name(scan_.child(entry, 0));
    if (name.module != "datetime" || (name.name != "date" && name.name != "time" && name.name != "datetime"))
      return;
    const Entry& state = scan_.entry(scan_.child(arguments, 0));
    if (!lowers_)
      date_states_.insert(state.opcode);
    else if (state.kind == Entry::Kind::atom)
      has_fold_ = has_fold_ || is_folded(name.name, argument(scan_.token(state.opcode)));
  }

  // Whether the state of a date has fold=1, the second of two equal times when clocks are put back: the highest bit of
  // the month, of a time the hour's. Python 2 has no such times, and would refuse the state only after it has the item.
  static bool is_folded(std::string_view type, std::string_view state) {
    constexpr std::size_t datetime_bytes = 10, month_at = 2, time_bytes = 6, hour_at = 0;
    const auto high = [&](std::size_t at) { return static_cast<unsigned char>(state[at]) >= 0x80; };
    if (type == "datetime") return state.size() == datetime_bytes && high(month_at);
    return type == "time" && state.size() == time_bytes && high(hour_at);
  }

  const Event* event(std::uint32_t at) const {
    if (event_ == scan_.events().size() || scan_.events()[event_].at != at) return nullptr;
    return &scan_.events()[event_];
  }
  std::string_view argument(const Token& token) const {
    return std::string_view(from_.bytes).substr(token.argument, token.bytes);
  }

  Result<void> write(const Token& token) {
    const Opcode& opcode = opcode_of(from_.bytes[token.at]);
    switch (opcode.action) {
      case Action::put:
      case Action::get:
      case Action::memoize:
        return write_memo(token);
      case Action::python2_string:
      case Action::quoted:
        if (!lowers_) return write_python2_string(token);
        break;
      default:
        if (opcode.action == Action::atom && dropped_.contains(token.at)) return {};
        if (lowers_) return lower(token, opcode);
        if (from_.bytes[token.at] == op::bytearray8 && reader_ == Reader::python3_old)
          return write_bytearray(token);
    }
    copy(token, opcode);
    return {};
  }

  void copy(const Token& token, const Opcode& opcode) {
    out_.protocol = std::max(out_.protocol, opcode.protocol);
    out_.bytes.append(from_.bytes, token.at, token.end - token.at);
  }

  Result<void> write_memo(const Token& token) {
    const char code = from_.bytes[token.at];
    if (code != op::long_binput && code != op::long_binget)
      return fail(Errc::protocol_error, "a fragment has other memo opcodes than LONG_BINPUT and LONG_BINGET");
    const Event* found = event(token.at);
    const Entry& entry = scan_.entry(found->entry);
    const bool filling =
        lowers_ && entry.kind == Entry::Kind::set && entry.edge != nothing && token.at < entry.edge;
    if (filling && code == op::long_binget)
      return fail(Errc::invalid_argument, "a set that contains itself has no form in Python 2");
    if (filling)
      waiting_puts_.emplace_back(found->entry, token);
    else
      put_memo(token);
    return {};
  }

  void put_memo(const Token& token) {
    out_.fixups.push_back(static_cast<std::uint32_t>(out_.bytes.size() + 1));
    out_.bytes.append(from_.bytes, token.at, token.end - token.at);
  }

  // Python 2's str for Python 3: bytes, where it cannot be ASCII text.
  Result<void> write_python2_string(const Token& token) {
    const bool quoted = from_.bytes[token.at] == op::string_line;
    std::optional<std::string> unquoted;
    if (quoted) unquoted = unquote(argument(token));
    const std::string_view bytes = unquoted ? std::string_view(*unquoted) : argument(token);
    if (quoted && !unquoted) return fail(Errc::invalid_argument, "a string that no Python can read");
    if (is_ascii(bytes) && !date_states_.contains(token.at)) {
      put_counted(out_.bytes, op::short_binstring, op::binstring, bytes);
      return {};
    }
    out_.protocol = std::max<std::uint8_t>(out_.protocol, 3);
    put_counted(out_.bytes, op::short_binbytes, op::binbytes, bytes);
    return {};
  }

  // Protocols 3 to 5 for Python 2.
  Result<void> lower(const Token& token, const Opcode& opcode) {
    switch (from_.bytes[token.at]) {
      case op::short_binunicode:
      case op::binunicode:
      case op::binunicode8:
        if (token.bytes > python2_bytes_max) return too_long();
        if (native_texts_.contains(token.at) && is_ascii(argument(token))) {
          put_counted(out_.bytes, op::short_binstring, op::binstring, argument(token));
          return {};
        }
        out_.bytes += op::binunicode;
        put_number(out_.bytes, token.bytes);
        out_.bytes += argument(token);
        return {};
      case op::short_binbytes:
      case op::binbytes:
      case op::binbytes8:
        if (token.bytes > python2_bytes_max) return too_long();
        put_counted(out_.bytes, op::short_binstring, op::binstring, argument(token));
        if (!is_ascii(argument(token))) out_.high_bytes = true;
        return {};
      case op::bytearray8:
        return write_bytearray(token);
      case op::empty_set:
        return lower_empty_set(token);
      case op::additems:
        return lower_additems(token);
      case op::frozenset:
        out_.bytes += op::list;
        make();
        return {};
      case op::mark:
        if (frozenset_marks_.contains(token.at)) add_global({"__builtin__", "frozenset"});
        break;
      case op::stack_global:
        if (!dropped_.contains(token.at)) {
          out_.bytes += op::pop;  // the names, which may have been memoised
          out_.bytes += op::pop;
        }
        return lower_global(scan_.name(event(token.at)->entry));
      case op::global:
        if (from_.python2_names) {
          note_class(Scan::split_name(argument(token)));
          break;
        }
        return lower_global(Scan::split_name(argument(token)));
      case op::inst:
        note_class(Scan::split_name(argument(token)));
        break;
      case op::newobj_ex:
        return fail(Errc::invalid_argument,
                    "a value that is made with keywords (NEWOBJ_EX) has no form in Python 2");
      default:
        break;
    }
    if (opcode.protocol > 2)
      return fail(Errc::invalid_argument, "an opcode of protocol {} has no form in Python 2",
                  opcode.protocol);
    copy(token, opcode);
    return {};
  }

  Result<void> lower_empty_set(const Token& token) {
    add_global({"__builtin__", "set"});
    out_.bytes += op::empty_list;
    // Filled by nobody, it is complete. A set's entry is the one that its opcode made.
    if (next_set(token.at).edge == nothing) make();
    return {};
  }

  Result<void> lower_additems(const Token& token) {
    const std::uint32_t index = event(token.at)->entry;
    const Entry& set = scan_.entry(index);
    if (set.kind != Entry::Kind::set)
      return fail(Errc::invalid_argument, "a set that is filled again has no form in Python 2");
    out_.bytes += op::appends;
    if (token.at != set.edge) return {};
    make();
    const auto of_set = [index](const auto& waiting) { return waiting.first == index; };
    for (const auto& [entry, put] : waiting_puts_)
      if (entry == index) put_memo(put);
    std::erase_if(waiting_puts_, of_set);
    return {};
  }

  // Entries come in the order of the opcodes that made them.
  const Entry& next_set(std::uint32_t opcode) {
    while (scan_.entry(set_).opcode != opcode) ++set_;
    return scan_.entry(set_);
  }

  Result<void> lower_global(Scan::Name name) {
    std::optional<ClassName> lowered = from_.python2_names && name.name.find('.') == name.name.npos
                                           ? ClassName{std::string(name.module), std::string(name.name)}
                                           : python2_name(name);
    if (!lowered)
      return fail(Errc::invalid_argument, "{}.{} has no name in Python 2", name.module, name.name);
    add_global(*lowered);
    return {};
  }

  Result<void> write_bytearray(const Token& token) {
    if (token.bytes > python2_bytes_max) return too_long();
    add_global({out_.python2_names ? "__builtin__" : "builtins", "bytearray"});
    if (lowers_)
      put_counted(out_.bytes, op::short_binstring, op::binstring, argument(token));
    else
      put_counted(out_.bytes, op::short_binbytes, op::binbytes, argument(token));
    if (!lowers_) out_.protocol = std::max<std::uint8_t>(out_.protocol, 3);
    if (lowers_ && !is_ascii(argument(token))) out_.high_bytes = true;
    make();
    return {};
  }

  void add_global(const ClassName& name) {
    put_global(out_.bytes, name.module, name.name);
    classes_.add(name.module, name.name);
  }
  void note_class(Scan::Name name) { classes_.add(name.module, name.name); }

  // Calls what was pushed with the one argument behind it.
  void make() {
    out_.bytes += op::tuple1;
    out_.bytes += op::reduce;
  }

  std::unexpected<Error> too_long() const {
    return fail(Errc::invalid_argument, "a string of more than {} bytes has no form for that reader",
                python2_bytes_max);
  }

  const Fragment& from_;
  Reader reader_;
  Names names_;
  Scan scan_;
  bool lowers_;  // to protocol 2
  Fragment out_;
  ClassList classes_{out_.classes};
  std::size_t event_ = 0;
  std::uint32_t set_ = 0;
  std::unordered_set<std::uint32_t> frozenset_marks_, date_states_;
  bool has_fold_ = false;
  std::unordered_set<std::uint32_t> native_texts_;  // that are to be a str in Python 2
  std::unordered_set<std::uint32_t> dropped_;  // texts that are only names, and the opcodes that take them
  std::vector<std::pair<std::uint32_t, Token>> waiting_puts_;  // of sets that are being filled
};

}  // namespace

bool needs_conversion(const Fragment& fragment, Reader reader) {
  switch (reader) {
    case Reader::python2:
      return fragment.protocol > 2 || (!fragment.python2_names && !fragment.classes.empty());
    case Reader::python3_old:
      if (fragment.protocol > 4) return true;
      [[fallthrough]];
    case Reader::python3:
      return fragment.high_bytes || has_python2_dates(fragment);
  }
  return false;
}

Result<Fragment> convert(const Fragment& fragment, Reader reader, const Limits& limits) {
  if (!needs_conversion(fragment, reader)) return fragment;
  return Converter{fragment, reader, limits}.run();
}

std::string canonical_bytes(const Fragment& fragment, const Limits& limits) {
  if (!needs_conversion(fragment, Reader::python2)) return fragment.bytes;
  const Result<Fragment> lowered =
      Converter{fragment, Reader::python2, limits, Converter::Names::alone}.run();
  return lowered ? lowered->bytes : fragment.bytes;
}

}  // namespace reeve::pickle
