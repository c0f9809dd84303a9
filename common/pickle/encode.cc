#include <algorithm>

#include "common/pickle/class_list.h"
#include "common/pickle/put.h"
#include "common/pickle/scan.h"
#include "common/pickle/token.h"
#include "common/pickle/utf8.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

namespace {

using Kind = Value::Kind;

class Encoder {
 public:
  explicit Encoder(const Limits& limits) : limits_(limits) {}

  Result<Fragment> run(const Value& value) {
    find_names(value);
    out_.python2_names = !python3_names_;
    if (!error_) write(value);
    if (error_) return fail(std::move(*error_));
    // What is opaque may be shared as well, and is as long as it likes: nobody could scan the sum of it.
    if (has_opaque_)
      if (Result<void> scanned = Scan{limits_}.fragment(out_.bytes); !scanned)
        return fail(std::move(scanned.error()));
    return std::move(out_);
  }

 private:
  // Whose names the opaque elements use decides for all.
  void find_names(const Value& value) {
    if (!pay(1)) return;
    if (value.kind() == Kind::opaque && !value.fragment().classes.empty())
      (value.fragment().python2_names ? python2_names_ : python3_names_) = true;
    if (value.depth() > 0)
      for (const Value& element : value.elements()) find_names(element);
    if (python2_names_ && python3_names_)
      complain(Errc::invalid_argument, "a value with classes of both Python 2 and Python 3");
  }

  void write(const Value& value) {
    if (!pay(1)) return;
    switch (value.kind()) {
      case Kind::none:
        out_.bytes += op::none;
        return;
      case Kind::boolean:
        out_.bytes += value.boolean() ? op::newtrue : op::newfalse;
        return;
      case Kind::integer:
        return write_integer(value);
      case Kind::real:
        return put_real(out_.bytes, value.real());
      case Kind::text:
        return write_text(value.chars());
      case Kind::bytes:
        return write_bytes(value.chars());
      case Kind::bytearray:
        write_builtin("bytearray");
        write_bytes(value.chars());
        return make(op::tuple1);
      case Kind::tuple:
        return write_tuple(value.elements());
      case Kind::list:
      case Kind::dict:
        return write_filled(value);
      case Kind::set:
      case Kind::frozenset:
        write_builtin(value.kind() == Kind::set ? "set" : "frozenset");
        write_list(value.elements());
        return make(op::tuple1);
      case Kind::opaque:
        return write_opaque(value.fragment());
      default:
        return write_call(value);
    }
  }

  void write_integer(const Value& value) {
    if (const auto small = value.to_int64()) return put_integer(out_.bytes, *small);
    const std::string bytes = value.big().to_bytes();
    if (pay_bytes(bytes.size())) put_counted(out_.bytes, op::long1, op::long4, bytes);
  }

  void write_text(std::string_view text) {
    if (!pay_bytes(text.size())) return;
    if (is_ascii(text)) return put_counted(out_.bytes, op::short_binstring, op::binstring, text);
    out_.bytes += op::binunicode;
    put_number(out_.bytes, static_cast<std::uint32_t>(text.size()));
    out_.bytes += text;
  }

  void write_bytes(std::string_view bytes) {
    if (!pay_bytes(bytes.size())) return;
    out_.protocol = std::max<std::uint8_t>(out_.protocol, 3);
    put_counted(out_.bytes, op::short_binbytes, op::binbytes, bytes);
  }

  void write_all(std::span<const Value> elements) {
    for (const Value& element : elements) {
      if (error_) return;
      write(element);
    }
  }

  void write_tuple(std::span<const Value> elements) {
    constexpr char codes[] = {op::empty_tuple, op::tuple1, op::tuple2, op::tuple3};
    const bool small = elements.size() < std::size(codes);
    if (!small) out_.bytes += op::mark;
    write_all(elements);
    out_.bytes += small ? codes[elements.size()] : op::tuple;
  }

  void write_list(std::span<const Value> elements) {
    out_.bytes += op::empty_list;
    if (elements.empty()) return;
    out_.bytes += op::mark;
    write_all(elements);
    out_.bytes += op::appends;
  }

  void write_filled(const Value& value) {
    if (value.kind() == Kind::list) return write_list(value.elements());
    out_.bytes += op::empty_dict;
    if (value.elements().empty()) return;
    out_.bytes += op::mark;
    write_all(value.elements());
    out_.bytes += op::setitems;
  }

  void write_call(const Value& value) {
    const std::span<const Value> elements = value.elements();
    switch (value.kind()) {
      case Kind::complex:
        write_builtin("complex");
        break;
      case Kind::slice:
        write_builtin("slice");
        break;
      case Kind::range:
        write_builtin(python3_names_ ? "range" : "xrange");
        break;
      case Kind::array:
        write_global("array", "array");
        write(elements.front());
        write_list(elements.subspan(1));
        return make(op::tuple2);
      default:
        write_global("multiprocessing.managers", "Token");
        out_.bytes += op::empty_tuple;
        out_.bytes += op::newobj;
        write_tuple(elements);
        out_.bytes += op::build;
        return;
    }
    write_tuple(elements);
    out_.bytes += op::reduce;
  }

  void write_opaque(const Fragment& fragment) {
    if (!pay_bytes(fragment.bytes.size())) return;
    has_opaque_ = true;
    const std::size_t base = out_.bytes.size();
    out_.bytes += fragment.bytes;
    for (const std::uint32_t fixup : fragment.fixups) {
      const auto number = read_number<std::uint32_t>(out_.bytes, base + fixup) + out_.memo_count;
      std::memcpy(out_.bytes.data() + base + fixup, &number, sizeof number);
      out_.fixups.push_back(static_cast<std::uint32_t>(base + fixup));
    }
    out_.memo_count += fragment.memo_count;
    out_.protocol = std::max(out_.protocol, fragment.protocol);
    out_.high_bytes |= fragment.high_bytes;
    for (const ClassName& name : fragment.classes) note(name);
    out_.token_idents.insert(out_.token_idents.end(), fragment.token_idents.begin(),
                             fragment.token_idents.end());
  }

  void write_builtin(std::string_view name) {
    write_global(python3_names_ ? "builtins" : "__builtin__", name);
  }
  void write_global(std::string_view module, std::string_view name) {
    put_global(out_.bytes, module, name);
    note({std::string(module), std::string(name)});
  }
  void note(const ClassName& name) { classes_.add(name.module, name.name); }
  // Calls the class that was written with the arguments behind it.
  void make(char tuple) {
    out_.bytes += tuple;
    out_.bytes += op::reduce;
  }

  bool pay(std::uint32_t steps) {
    steps_ += steps;
    if (steps_ > limits_.steps_max)
      complain(Errc::limit_reached, fmt::format("too many elements; steps_max is {}", limits_.steps_max));
    return !error_;
  }
  bool pay_bytes(std::size_t bytes) {
    if (out_.bytes.size() + bytes > std::min<std::size_t>(limits_.pickle_bytes_max, 0x7fff'ffff))
      complain(Errc::limit_reached,
               fmt::format("the pickle gets too long; pickle_bytes_max is {}", limits_.pickle_bytes_max));
    return !error_;
  }
  void complain(Errc code, std::string detail) {
    if (!error_) error_ = Error{code, std::move(detail)};
  }

  const Limits& limits_;
  Fragment out_;
  ClassList classes_{out_.classes};
  bool python2_names_ = false, python3_names_ = false, has_opaque_ = false;
  std::uint32_t steps_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Fragment text_fragment(std::string_view utf8) {
  Fragment out;
  if (is_ascii(utf8)) {
    put_counted(out.bytes, op::short_binstring, op::binstring, utf8);
  } else {
    out.bytes += op::binunicode;
    put_number(out.bytes, static_cast<std::uint32_t>(utf8.size()));
    out.bytes += utf8;
  }
  return out;
}

Result<Fragment> encode(const Value& value, const Limits& limits) { return Encoder{limits}.run(value); }

}  // namespace reeve::pickle
