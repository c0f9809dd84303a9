// The recorded vectors of tests/managers/vectors: what nine Pythons sent, what is to be cut out of it, and replies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/pickle/fragment.h"
#include "common/pickle/request.h"

namespace reeve::pickle {

struct Pick {
  enum class From : std::uint8_t { argument, keyword, element } from;
  std::size_t argument = 0, element = 0;
  std::string keyword;
};

struct ValueVector {
  std::string python, name, method;
  Pick pick;
  std::string canon, loose;  // its canonical text; and without the kinds of strings
  std::string request, fragment, reply_python2, reply_python3;
  std::vector<std::uint32_t> fixups;
  int protocol = 0;
  bool python2_names = false;
  std::vector<std::string> classes;

  std::string title() const { return python + " " + name; }
};

struct ControlVector {
  std::string python, name, method, parsed, request;
};

struct HostileVector {
  std::string name, verdict, payload;
};

struct Vectors {
  std::string ident;
  std::vector<ValueVector> values;
  std::vector<ControlVector> controls;
};

const Vectors& vectors();  // of all Pythons
std::vector<HostileVector> hostile_vectors();

// What the vector's request carries, cut out of it.
Result<Fragment> picked(const ValueVector& vector);

std::string from_hex(std::string_view hex);
std::string to_hex(std::string_view bytes);

}  // namespace reeve::pickle
