#include "common/pickle/reply.h"

#include <cstdint>
#include <cstring>

#include "common/pickle/convert.h"
#include "common/pickle/put.h"
#include "common/pickle/stored.h"
#include "common/pickle/token.h"
#include "common/pickle/utf8.h"

namespace reeve::pickle {

namespace {

// PROTO switches the names of classes: Python 3 takes those of Python 2 up to protocol 2.
constexpr std::size_t python2_bytes_max = 0x7fff'ffff;
constexpr std::string_view python2_names = "\x80\x02", python3_names = "\x80\x04";

}  // namespace

std::string_view name_of(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::returned:
      return "#RETURN";
    case ReplyKind::error:
      return "#ERROR";
    case ReplyKind::traceback:
      return "#TRACEBACK";
    case ReplyKind::unserializable:
      return "#UNSERIALIZABLE";
    case ReplyKind::proxy:
      return "#PROXY";
  }
  return "#TRACEBACK";
}

void ReplyWriter::start(ReplyKind kind) {
  out_ += python2_names;
  put_counted(out_, op::short_binstring, op::binstring, name_of(kind));
  memo_ = 0;
}

void ReplyWriter::restart(ReplyKind kind) {
  out_.resize(begin_);
  start(kind);
}

void ReplyWriter::finish() {
  out_ += op::tuple2;
  out_ += op::stop;
}

ReplyWriter& ReplyWriter::none() {
  out_ += op::none;
  return *this;
}

ReplyWriter& ReplyWriter::boolean(bool value) {
  out_ += value ? op::newtrue : op::newfalse;
  return *this;
}

ReplyWriter& ReplyWriter::integer(std::int64_t value) {
  put_integer(out_, value);
  return *this;
}

ReplyWriter& ReplyWriter::unsigned_integer(std::uint64_t value) {
  if (value <= std::uint64_t{INT64_MAX}) return integer(static_cast<std::int64_t>(value));
  constexpr std::string_view long1_of_9_bytes = "\x8a\x09";
  out_ += long1_of_9_bytes;
  put_number(out_, value);
  out_ += '\0';
  return *this;
}

ReplyWriter& ReplyWriter::real(double value) {
  put_real(out_, value);
  return *this;
}

ReplyWriter& ReplyWriter::text(std::string_view value) {
  value = value.substr(0, python2_bytes_max);
  put_counted(out_, op::short_binstring, op::binstring, value);
  for (char* c = out_.data() + out_.size() - value.size(); c != out_.data() + out_.size(); ++c)
    if (static_cast<unsigned char>(*c) >= 0x80) *c = '?';
  return *this;
}

ReplyWriter& ReplyWriter::native_text(std::string_view utf8) {
  if (reader_ == Reader::python2 || is_ascii(utf8) || !is_python_text(utf8) ||
      utf8.size() > python2_bytes_max)
    return text(utf8);
  out_ += op::binunicode;
  put_number(out_, static_cast<std::uint32_t>(utf8.size()));
  out_ += utf8;
  return *this;
}

ReplyWriter& ReplyWriter::global(std::string_view module, std::string_view name) {
  put_global(out_, module, name);
  return *this;
}

Result<void> ReplyWriter::value(const Fragment& fragment) {
  if (!needs_conversion(fragment, reader_)) {
    splice(fragment);
    return {};
  }
  const Result<Fragment> converted = convert(fragment, reader_);
  if (!converted) return fail(converted.error());
  splice(*converted);
  return {};
}

Result<void> ReplyWriter::stored(std::string_view stored) {
  if (const auto plain = plain_stored(stored, reader_)) {
    out_ += *plain;
    return {};
  }
  const Result<Fragment> fragment = from_stored(stored);
  if (!fragment) return fail(fragment.error());
  return value(*fragment);
}

void ReplyWriter::splice(const Fragment& fragment) {
  const bool switches = !fragment.python2_names && !fragment.classes.empty();
  if (switches) out_ += python3_names;
  const std::size_t base = out_.size();
  out_ += fragment.bytes;
  if (memo_ != 0) {
    for (const std::uint32_t fixup : fragment.fixups) {
      const auto number = read_number<std::uint32_t>(out_, base + fixup) + memo_;
      std::memcpy(out_.data() + base + fixup, &number, sizeof number);
    }
  }
  memo_ += fragment.memo_count;
  if (switches) out_ += python2_names;
}

ReplyWriter& ReplyWriter::open_tuple() {
  out_ += op::mark;
  return *this;
}

ReplyWriter& ReplyWriter::close_tuple() {
  out_ += op::tuple;
  return *this;
}

ReplyWriter& ReplyWriter::open_list() {
  out_ += op::empty_list;
  out_ += op::mark;
  return *this;
}

ReplyWriter& ReplyWriter::close_list() {
  out_ += op::appends;
  return *this;
}

ReplyWriter& ReplyWriter::open_dict() {
  out_ += op::empty_dict;
  out_ += op::mark;
  return *this;
}

ReplyWriter& ReplyWriter::close_dict() {
  out_ += op::setitems;
  return *this;
}

ReplyWriter& ReplyWriter::close_call() {
  out_ += op::tuple;
  out_ += op::reduce;
  return *this;
}

ReplyWriter& ReplyWriter::open_instance() {
  out_ += op::empty_tuple;
  out_ += op::newobj;
  return *this;
}

ReplyWriter& ReplyWriter::close_instance() {
  out_ += op::build;
  return *this;
}

ReplyWriter& ReplyWriter::exception(std::string_view module, std::string_view name,
                                    std::string_view argument) {
  return global(module, name).open_call().text(argument).close_call();
}

ReplyWriter& ReplyWriter::exception(std::string_view module, std::string_view name) {
  return global(module, name).open_call().close_call();
}

Result<void> ReplyWriter::exception(std::string_view module, std::string_view name,
                                    const Fragment& argument) {
  const std::size_t before = out_.size();
  global(module, name).open_call();
  if (Result<void> written = value(argument); !written) {
    out_.resize(before);
    return written;
  }
  close_call();
  return {};
}

ReplyWriter& ReplyWriter::token(std::string_view type_id, std::string_view address, std::uint16_t port,
                                std::string_view ident) {
  global("multiprocessing.managers", "Token").open_instance();
  open_tuple().text(type_id);
  open_tuple().text(address).integer(port).close_tuple();
  return text(ident).close_tuple().close_instance();
}

void reply_none(Reader reader, std::string& out) {
  ReplyWriter reply{reader, out, ReplyKind::returned};
  reply.none().finish();
}

void reply_text(Reader reader, std::string& out, ReplyKind kind, std::string_view text) {
  ReplyWriter reply{reader, out, kind};
  reply.text(text).finish();
}

void reply_exception(Reader reader, std::string& out, std::string_view module, std::string_view name) {
  ReplyWriter reply{reader, out, ReplyKind::error};
  reply.exception(module, name).finish();
}

void reply_exception(Reader reader, std::string& out, std::string_view module, std::string_view name,
                     std::string_view argument) {
  ReplyWriter reply{reader, out, ReplyKind::error};
  reply.exception(module, name, argument).finish();
}

}  // namespace reeve::pickle
