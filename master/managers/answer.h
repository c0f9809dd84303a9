// Answer: what a method call comes to, before it is written in the words of one Python or another.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/time.h"
#include "master/managers/item.h"

namespace reeve::master::managers {

// An exception for the client to raise. Names are those of Python 2, which every version understands in a
// protocol 2 pickle.
struct Raise {
  std::string_view module = "exceptions";  // of static storage, like `name`
  std::string_view name;
  std::string text = {};  // its argument; none when empty
  ItemPtr argument = {};  // …or this
};

struct None {};
struct Text {  // for people
  std::string utf8;
};
struct Reversed {  // an iterator over these
  std::vector<ItemPtr> items;
};
struct Dict {
  std::vector<std::pair<ItemPtr, ItemPtr>> entries;
};
struct Pairs {  // a list of tuples
  std::vector<std::pair<ItemPtr, ItemPtr>> entries;
};
struct Attributes {  // of a Namespace
  std::vector<std::pair<std::string, ItemPtr>> values;
};
struct Numbers {  // an array.array
  char typecode = 'l';
  std::vector<std::variant<std::int64_t, std::uint64_t, double>> values;
};
struct Proxy {  // of a new object
  std::shared_ptr<Object> object;
};
struct Created {  // the answer to create()
  std::shared_ptr<Object> object;
  bool by_name = false;  // and not by its type
};
struct Methods {  // …and to get_methods()
  std::shared_ptr<Object> object;
};
struct Traceback {  // the request cannot be carried out at all
  std::string text;
};
struct Unserializable {
  std::string text;
};
struct Waits {  // it comes later
  std::optional<TimePoint> deadline = {};
};

struct Answer {
  std::variant<None, bool, std::int64_t, std::uint64_t, double, Text, ItemPtr, std::vector<ItemPtr>,
               std::pair<ItemPtr, ItemPtr>, Reversed, Dict, Pairs, Attributes, Numbers, Proxy, Created,
               Methods, Traceback, Unserializable, Waits>
      value = None{};
  // When it cannot be delivered, the object wants to know (Object::undelivered).
  bool precious = false;
  std::uint64_t note = 0;  // …and is reminded of this
};

using Outcome = std::expected<Answer, Raise>;

inline std::unexpected<Raise> raise(std::string_view name, std::string text = {}) {
  return std::unexpected(Raise{.name = name, .text = std::move(text)});
}
inline std::unexpected<Raise> raise_from(std::string_view module, std::string_view name,
                                         std::string text = {}) {
  return std::unexpected(Raise{.module = module, .name = name, .text = std::move(text)});
}

}  // namespace reeve::master::managers
