// Replies: protocol 2 for what the server writes itself, with fragments in between.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/pickle/fragment.h"

namespace reeve::pickle {

enum class ReplyKind : std::uint8_t { returned, error, traceback, unserializable, proxy };
std::string_view name_of(ReplyKind kind);  // "#RETURN"…

// ReplyWriter appends one reply, (kind, value), to a buffer. Every value method appends one object; tuples and lists
// are opened, filled and closed.
//
//   ReplyWriter reply{reader, out, ReplyKind::returned};
//   if (const auto written = reply.value(item); !written) → reply.restart(ReplyKind::unserializable), reply.text(…)
//   reply.finish();
//
// Always: between two value methods the buffer is a prefix of a pickle that `reader` can read.
class ReplyWriter {
 public:
  ReplyWriter(Reader reader, std::string& out, ReplyKind kind)
      : reader_(reader), out_(out), begin_(out.size()) {
    start(kind);
  }

  // Drops what was written of this reply and begins again.
  void restart(ReplyKind kind);
  void finish();  // the tuple of kind and value, and STOP

  ReplyWriter& none();
  ReplyWriter& boolean(bool value);
  ReplyWriter& integer(std::int64_t value);
  ReplyWriter& unsigned_integer(std::uint64_t value);
  ReplyWriter& real(double value);
  // str in every Python. What is not ASCII becomes '?'.
  ReplyWriter& text(std::string_view value);
  // str for people: as it is in Python 3, with '?' for what is not ASCII in Python 2. For values of __str__, __repr__.
  ReplyWriter& native_text(std::string_view utf8);
  // A class or function by its Python 2 name, which every reader knows: {"exceptions", "ValueError"}.
  ReplyWriter& global(std::string_view module, std::string_view name);
  // The error of convert(); nothing was appended then.
  Result<void> value(const Fragment& fragment);
  // The same with a value in its stored form (stored.h), which for most values is one copy.
  Result<void> stored(std::string_view stored);

  ReplyWriter& open_tuple();
  ReplyWriter& close_tuple();
  ReplyWriter& open_list();
  ReplyWriter& close_list();
  ReplyWriter& open_dict();  // keys and values in turn
  ReplyWriter& close_dict();
  // An instance: open_call().text("…").close_call() after global(): the arguments of the call.
  ReplyWriter& open_call() { return open_tuple(); }
  ReplyWriter& close_call();
  // An instance made of its state alone: global(…), open_instance(), the state (a dict), close_instance().
  ReplyWriter& open_instance();
  ReplyWriter& close_instance();

  // global(module, name) with these texts as arguments.
  ReplyWriter& exception(std::string_view module, std::string_view name, std::string_view argument);
  ReplyWriter& exception(std::string_view module, std::string_view name);
  // With a value as its argument: KeyError(key).
  Result<void> exception(std::string_view module, std::string_view name, const Fragment& argument);
  // multiprocessing.managers.Token; the client puts its own address in.
  ReplyWriter& token(std::string_view type_id, std::string_view address, std::uint16_t port,
                     std::string_view ident);

  Reader reader() const { return reader_; }

 private:
  void start(ReplyKind kind);
  void splice(const Fragment& fragment);

  Reader reader_;
  std::string& out_;
  std::size_t begin_;
  std::uint32_t memo_ = 0;  // numbers used so far
};

// The replies that servers send most.
void reply_none(Reader reader, std::string& out);
void reply_text(Reader reader, std::string& out, ReplyKind kind, std::string_view text);
void reply_exception(Reader reader, std::string& out, std::string_view module, std::string_view name);
void reply_exception(Reader reader, std::string& out, std::string_view module, std::string_view name,
                     std::string_view argument);

}  // namespace reeve::pickle
