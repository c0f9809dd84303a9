#include "master/managers/message.h"

#include <limits>

namespace reeve::master::managers {
namespace {

constexpr std::size_t short_header_bytes = 4;
constexpr std::size_t long_header_bytes = short_header_bytes + 8;
constexpr std::uint32_t long_header_mark = 0xffff'ffff;
constexpr std::uint64_t short_length_max = std::numeric_limits<std::int32_t>::max();

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

void append_big_endian(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

}  // namespace

void append_message_header(std::string& out, std::size_t payload_bytes) {
  if (payload_bytes <= short_length_max) return append_big_endian(out, payload_bytes, 4);
  append_big_endian(out, long_header_mark, 4);
  append_big_endian(out, payload_bytes, 8);
}

void append_message(std::string& out, std::string_view payload) {
  append_message_header(out, payload.size());
  out.append(payload);
}

void MessageReader::drop_handed_out() {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
    if (buffer_.capacity() > kept_bytes) buffer_.shrink_to_fit();
  } else if (begin_ > buffered_bytes()) {  // moves fewer bytes than were handed out since the last move
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
}

MessageReader::Next MessageReader::find(Lying& found, Error& error) const {
  const std::string_view bytes = buffered();
  if (bytes.size() < short_header_bytes) return Next::incomplete;
  found.header = short_header_bytes;
  std::uint64_t length = big_endian(bytes.substr(0, short_header_bytes));
  if (length == long_header_mark) {
    if (bytes.size() < long_header_bytes) return Next::incomplete;
    found.header = long_header_bytes;
    length = big_endian(bytes.substr(short_header_bytes, 8));
  } else if (length > short_length_max) {
    error = {Errc::protocol_error, "a message announces a negative length"};
    return Next::broken;
  }
  if (length > message_max_bytes_) {
    error = {Errc::too_large,
             fmt::format("a message announces {} bytes; the limit is {}", length, message_max_bytes_)};
    return Next::broken;
  }
  found.length = length;
  return bytes.size() - found.header < length ? Next::incomplete : Next::message;
}

bool MessageReader::has_next() const {
  Lying unused;
  Error error;
  return find(unused, error) != Next::incomplete;
}

MessageReader::Next MessageReader::next(std::string_view& message, Error& error) {
  drop_handed_out();
  Lying found;
  const Next next = find(found, error);
  if (next != Next::message) return next;
  message = buffered().substr(found.header, found.length);
  begin_ += found.header + found.length;
  return Next::message;
}

}  // namespace reeve::master::managers
