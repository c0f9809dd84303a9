#include "common/net/frame.h"

#include <algorithm>
#include <cstring>

#include "common/base/assert.h"

namespace reeve {
namespace {

constexpr std::size_t length_bytes = 4;  // the length field, which does not count itself

std::uint32_t load_u32(const char* bytes) {
  const auto* b = reinterpret_cast<const unsigned char*>(bytes);
  return b[0] | (std::uint32_t{b[1]} << 8) | (std::uint32_t{b[2]} << 16) | (std::uint32_t{b[3]} << 24);
}

void store_u32(char* bytes, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

void append_frame(std::string& out, FrameType type, const google::protobuf::MessageLite& message) {
  constexpr std::size_t protobuf_max_bytes = (std::size_t{1} << 31) - 1;
  const bool fits = append_frame_within(protobuf_max_bytes, out, type, message);
  ASSERT(fits, "a message of {} bytes", message.ByteSizeLong());
}

bool append_frame_within(std::size_t frame_max_bytes, std::string& out, FrameType type,
                         const google::protobuf::MessageLite& message) {
  const std::size_t body = message.ByteSizeLong();
  if (1 + body > frame_max_bytes) return false;
  const std::size_t begin = out.size();
  const std::size_t size = begin + frame_header_bytes + body;
  out.resize_and_overwrite(size, [&](char* bytes, std::size_t) {
    char* const frame = bytes + begin;
    store_u32(frame, static_cast<std::uint32_t>(1 + body));
    frame[length_bytes] = static_cast<char>(type);
    message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(frame + frame_header_bytes));
    return size;
  });
  return true;
}

// How many bytes the frame at begin_ has in all, as far as is known: at least a header, and no more than the
// limit.
std::size_t FrameReader::frame_bytes() const {
  if (buffered_bytes() < length_bytes) return frame_header_bytes;
  const std::size_t length = load_u32(buffer_.get() + begin_);
  return length > frame_max_bytes_ ? frame_header_bytes : length_bytes + length;
}

FrameReader::Space FrameReader::space(std::size_t at_least) {
  const std::size_t held = buffered_bytes();
  if (held == 0) {
    begin_ = end_ = 0;
    if (size_ > shrink_above_bytes && size_ > 2 * at_least) buffer_.reset(), size_ = 0;  // was a big frame
  }
  const std::size_t frame = frame_bytes();
  const std::size_t missing = std::max(at_least, frame > held ? frame - held : 0);
  if (size_ - end_ < missing) {
    if (size_ >= held + missing) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    } else {
      // Some slack, so that half a frame at the end does not cost a new buffer each time. Not filled with
      // zeros: the system gives memory only for the pages that bytes really arrive in.
      const std::size_t size = held + missing + missing / 4;
      auto bigger = std::make_unique_for_overwrite<char[]>(size);
      if (held > 0) std::memcpy(bigger.get(), buffer_.get() + begin_, held);
      buffer_ = std::move(bigger);
      size_ = size;
    }
    begin_ = 0;
    end_ = held;
  }
  return {buffer_.get() + end_, size_ - end_};
}

void FrameReader::commit(std::size_t bytes) {
  ASSERT(bytes <= size_ - end_, "{} bytes came, there was room for {}", bytes, size_ - end_);
  end_ += bytes;
}

FrameReader::Next FrameReader::next(Frame& frame, Error& error) {
  if (buffered_bytes() < length_bytes) return Next::incomplete;
  const std::size_t length = load_u32(buffer_.get() + begin_);
  if (length == 0) {
    error = {Errc::protocol_error, "a frame without a type"};
    return Next::broken;
  }
  if (length > frame_max_bytes_) {
    error = {Errc::too_large, fmt::format("a frame of {} bytes is over the limit of {} (frame_max_bytes)",
                                          length, frame_max_bytes_)};
    return Next::broken;
  }
  if (buffered_bytes() < length_bytes + length) return Next::incomplete;
  const char* const bytes = buffer_.get() + begin_;
  frame.type = static_cast<FrameType>(bytes[length_bytes]);
  frame.body = {bytes + frame_header_bytes, length - 1};
  begin_ += length_bytes + length;
  return Next::frame;
}

}  // namespace reeve
