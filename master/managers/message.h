// Messages of multiprocessing.connection: how they lie in the byte stream.
//
//   i32 big-endian   length of what follows; -1: the length comes next, as u64 big-endian
//   …                that many bytes
//
// No I/O here: bytes in, messages out, and the other way round.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve::master::managers {

// Each message of the handshake; both sides refuse longer ones.
inline constexpr std::size_t handshake_message_max_bytes = 256;

// Of capacity, of what replies are written into one after the other.
inline constexpr std::size_t reply_kept_max_bytes = 1u << 20;

void append_message(std::string& out, std::string_view payload);
// The header alone, for who writes the payload behind it.
void append_message_header(std::string& out, std::size_t payload_bytes);

// MessageReader cuts a byte stream into messages.
//
// Owner: a PythonProof, then a Session.  Always: a length over the limit is refused as soon as it is read, and no memory is taken
// for bytes that were announced and have not come.
class MessageReader {
 public:
  explicit MessageReader(std::size_t message_max_bytes) : message_max_bytes_(message_max_bytes) {}

  void feed(std::string_view bytes) { buffer_.append(bytes); }

  // The next whole message, valid until any other function that changes this is called.
  enum class Next : std::uint8_t { message, incomplete, broken };
  Next next(std::string_view& message, Error& error);
  bool has_next() const;   // next() would not say `incomplete`
  void drop_handed_out();  // nobody looks at the last message any more: frees what a large one took

  std::string_view buffered() const { return std::string_view{buffer_}.substr(begin_); }
  std::size_t buffered_bytes() const { return buffer_.size() - begin_; }

 private:
  static constexpr std::size_t kept_bytes = 2u << 10;  // of capacity, so that idle connections stay small

  struct Lying {  // the next message in buffered()
    std::size_t header = 0;
    std::size_t length = 0;
  };
  Next find(Lying& found, Error& error) const;

  std::string buffer_;
  std::size_t begin_ = 0;  // first byte not handed out
  std::size_t message_max_bytes_;
};

}  // namespace reeve::master::managers
