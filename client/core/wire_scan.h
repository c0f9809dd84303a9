// WireScan: walks over the fields of a serialised message without building it. Results come in large frames,
// and most of a result is not looked at before somebody asks for it.
//
// No I/O, no memory: views into the bytes given. Malformed input: next() is false and bad() true.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace reeve::client {

class WireScan {
 public:
  explicit WireScan(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // The next field: its number, and its value in number() or bytes(), whichever its type has.
  bool next() {
    std::uint64_t key = 0;
    if (at_ == end_ || !varint(key)) return false;
    field_ = static_cast<std::uint32_t>(key >> 3);
    switch (key & 7) {
      case 0:
        return varint(number_);
      case 1:
        return skip(8);
      case 2: {
        std::uint64_t size = 0;
        if (!varint(size)) return false;
        if (size > static_cast<std::uint64_t>(end_ - at_)) return fail();
        bytes_ = {at_, static_cast<std::size_t>(size)};
        at_ += size;
        return true;
      }
      case 5:
        return skip(4);
      default:
        return fail();
    }
  }

  std::uint32_t field() const { return field_; }
  std::uint64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }
  bool bad() const { return bad_; }

 private:
  bool fail() {
    bad_ = true;
    at_ = end_;
    return false;
  }
  bool skip(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) return fail();
    at_ += bytes;
    return true;
  }
  bool varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return fail();
  }

  const char* at_;
  const char* end_;
  std::uint32_t field_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
  bool bad_ = false;
};

// Appends a length-delimited field (a string, bytes or a message).
inline void append_field(std::string& out, std::uint32_t field, std::string_view bytes) {
  char head[12];
  std::size_t size = 0;
  head[size++] = static_cast<char>(field << 3 | 2);  // Pre: field < 16
  std::uint64_t rest = bytes.size();
  while (rest >= 0x80) {
    head[size++] = static_cast<char>(rest | 0x80);
    rest >>= 7;
  }
  head[size++] = static_cast<char>(rest);
  out.append(head, size).append(bytes);
}

}  // namespace reeve::client
