#include "master/managers/write_answer.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "common/base/assert.h"
#include "common/pickle/utf8.h"
#include "common/pickle/value.h"
#include "master/managers/object.h"

namespace reeve::master::managers {
namespace {

using pickle::ReplyKind;
using pickle::ReplyWriter;

ReplyKind kind_of(const Answer& answer) {
  if (std::holds_alternative<Traceback>(answer.value)) return ReplyKind::traceback;
  if (std::holds_alternative<Unserializable>(answer.value)) return ReplyKind::unserializable;
  if (std::holds_alternative<Proxy>(answer.value)) return ReplyKind::proxy;
  return ReplyKind::returned;
}

// str in every Python; what is not ASCII is escaped for Python 2, as its own repr() does it.
void text_for_people(std::string_view utf8, ReplyWriter& reply) {
  if (reply.reader() != pickle::Reader::python2 || pickle::is_ascii(utf8)) {
    reply.native_text(utf8);
    return;
  }
  std::string escaped;
  char32_t character = 0;
  for (std::string_view rest = utf8; pickle::take_character(rest, character);) {
    if (character < 0x80)
      escaped += static_cast<char>(character);
    else if (character < 0x100)
      escaped += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(character));
    else if (character < 0x10000)
      escaped += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character));
    else
      escaped += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(character));
  }
  reply.text(escaped);
}

// Writes the value of a reply that was begun.
class ValueWriter {
 public:
  explicit ValueWriter(ReplyWriter& reply) : reply_(reply) {}

  Result<void> operator()(None) { return reply_.none(), Result<void>{}; }
  Result<void> operator()(bool value) { return reply_.boolean(value), Result<void>{}; }
  Result<void> operator()(std::int64_t value) { return reply_.integer(value), Result<void>{}; }
  Result<void> operator()(std::uint64_t value) { return reply_.unsigned_integer(value), Result<void>{}; }
  Result<void> operator()(double value) { return reply_.real(value), Result<void>{}; }
  Result<void> operator()(const Text& text) { return text_for_people(text.utf8, reply_), Result<void>{}; }
  Result<void> operator()(const ItemPtr& item) { return reply_.value(item->fragment()); }
  Result<void> operator()(const std::vector<ItemPtr>& items) {
    reply_.open_list();
    for (const ItemPtr& item : items)
      if (auto written = (*this)(item); !written) return written;
    reply_.close_list();
    return {};
  }
  Result<void> operator()(const std::pair<ItemPtr, ItemPtr>& pair) {
    reply_.open_tuple();
    if (auto written = (*this)(pair.first); !written) return written;
    if (auto written = (*this)(pair.second); !written) return written;
    reply_.close_tuple();
    return {};
  }
  Result<void> operator()(const Reversed& reversed) {
    reply_.global("__builtin__", "iter").open_call();
    if (auto written = (*this)(reversed.items); !written) return written;
    reply_.close_call();
    return {};
  }
  Result<void> operator()(const Dict& dict) {
    reply_.open_dict();
    for (const auto& [key, value] : dict.entries) {
      if (auto written = (*this)(key); !written) return written;
      if (auto written = (*this)(value); !written) return written;
    }
    reply_.close_dict();
    return {};
  }
  Result<void> operator()(const Pairs& pairs) {
    reply_.open_list();
    for (const auto& pair : pairs.entries)
      if (auto written = (*this)(pair); !written) return written;
    reply_.close_list();
    return {};
  }
  Result<void> operator()(const Attributes& attributes) {
    reply_.global("multiprocessing.managers", "Namespace").open_instance().open_dict();
    for (const auto& [name, value] : attributes.values) {
      // A name that is not ASCII is unicode in Python 2, too.
      if (!pickle::is_ascii(name))
        (void)reply_.value(pickle::text_fragment(name));
      else
        reply_.text(name);
      if (auto written = (*this)(value); !written) return written;
    }
    reply_.close_dict().close_instance();
    return {};
  }
  Result<void> operator()(const Numbers& numbers) {
    reply_.global("array", "array").open_call().text({&numbers.typecode, 1}).open_list();
    for (const auto& number : numbers.values)
      std::visit([this](auto value) { (void)(*this)(value); }, number);
    reply_.close_list().close_call();
    return {};
  }
  Result<void> operator()(const Proxy& proxy) {
    reply_.open_tuple();
    methods(*proxy.object, false);
    reply_.token(proxy.object->typeid_, "127.0.0.1", 0, proxy.object->ident).close_tuple();
    return {};
  }
  Result<void> operator()(const Created& created) {
    reply_.open_tuple().text(created.object->ident);
    methods(*created.object, created.by_name);
    reply_.close_tuple();
    return {};
  }
  Result<void> operator()(const Methods& methods_of) {
    return methods(*methods_of.object, false), Result<void>{};
  }
  Result<void> operator()(const Traceback& traceback) {
    return text_for_people(traceback.text, reply_), Result<void>{};
  }
  Result<void> operator()(const Unserializable& error) {
    return text_for_people(error.text, reply_), Result<void>{};
  }
  Result<void> operator()(const Waits&) {
    ASSERT(false, "a call that waits has no answer yet");
    return {};
  }

 private:
  // Of who asks by name the server knows no proxy type. Without one, Python makes a proxy class with a method for each
  // name, and that of an object's own attributes, or of what only a manager with the type Iterator can read, would break it.
  void methods(const Object& object, bool for_any_proxy) {
    constexpr std::array<std::string_view, 4> breaking{"__getattribute__", "__setattr__", "__delattr__",
                                                       "__iter__"};
    reply_.open_tuple();
    for (const std::string_view name : object.exposed())
      if (!for_any_proxy || std::ranges::find(breaking, name) == breaking.end()) reply_.text(name);
    reply_.close_tuple();
  }

  ReplyWriter& reply_;
};

Result<void> write_exception(const Raise& raise, ReplyWriter& reply) {
  if (raise.argument) return reply.exception(raise.module, raise.name, raise.argument->fragment());
  if (raise.text.empty()) {
    reply.exception(raise.module, raise.name);
  } else {
    reply.global(raise.module, raise.name).open_call();
    text_for_people(raise.text, reply);
    reply.close_call();
  }
  return {};
}

}  // namespace

bool write_answer(pickle::Reader reader, const Outcome& outcome, std::string& out) {
  ReplyWriter reply{reader, out, outcome ? kind_of(*outcome) : ReplyKind::error};
  const Result<void> written =
      outcome ? std::visit(ValueWriter{reply}, outcome->value) : write_exception(outcome.error(), reply);
  if (!written) {
    reply.restart(ReplyKind::unserializable);
    reply.text(fmt::format("ValueError: {}\n", written.error().detail));
  }
  reply.finish();
  const bool readable = !outcome || !std::holds_alternative<Unserializable>(outcome->value);
  return written && readable;
}

}  // namespace reeve::master::managers
