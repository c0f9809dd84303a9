// Frames that are put together from a message and fields that are serialised already.
#pragma once

#include <string>
#include <string_view>

#include "common/net/frame.h"

namespace reeve::client {

// As append_frame, with `more_fields` behind the message's own: for Protocol Buffers they are one message.
inline void append_frame_with(std::string& out, FrameType type, const google::protobuf::MessageLite& message,
                              std::string_view more_fields) {
  const std::size_t header_at = out.size();
  append_frame(out, type, message);
  out.append(more_fields);
  const std::size_t length = out.size() - header_at - 4;
  for (std::size_t i = 0; i < 4; ++i) out[header_at + i] = static_cast<char>(length >> (8 * i) & 0xff);
}

}  // namespace reeve::client
