// Frames: how messages lie in the byte stream after the handshake.
//
//   u32 little-endian  length of what follows (type and body)
//   u8                 type: which message of reeve.proto
//   …                  body: that message, serialised by Protocol Buffers
//
// No I/O here: bytes in, frames out, and the other way round.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace reeve {

// The numbers stand beside their messages in reeve.proto.
enum class FrameType : std::uint8_t {
  client_hello = 1,
  client_welcome = 2,
  worker_hello = 3,
  worker_welcome = 4,
  refused = 5,
  submit = 10,
  submitted = 11,
  close_job = 12,
  put = 13,
  get = 14,
  got = 15,
  took = 16,
  task_done = 17,
  join = 18,
  queue_create = 19,
  queue_list = 20,
  queue_infos = 21,
  queue_control = 22,
  done = 23,
  job_list = 30,
  job_infos = 31,
  task_list = 32,
  task_infos = 33,
  watch = 34,
  job_changed = 35,
  outcomes = 36,
  lagging = 37,
  fetched = 38,
  cancel = 39,
  retry = 40,
  forget = 41,
  worker_list = 50,
  worker_infos = 51,
  worker_control = 52,
  status = 53,
  status_info = 54,
  backup = 55,
  backup_info = 56,
  capacity = 60,
  grant = 61,
  stop = 62,
  complete = 63,
  completed = 64,
  returned = 65,
  heartbeat = 66,
  drain = 67,
  goodbye = 68,
};

inline constexpr std::size_t frame_header_bytes = 5;
inline constexpr std::size_t frame_max_bytes_default = 64u << 20;  // length field's bound: type and body
// Senders aim to stay below this, so that a batch never fills memory or holds the peer's loop for long.
inline constexpr std::size_t frame_target_bytes = 1u << 20;

struct Frame {
  FrameType type;
  std::string_view body;  // valid until the reader is fed again
};

// Appends one whole frame to `out`. Pre: it is not over any limit.
void append_frame(std::string& out, FrameType type, const google::protobuf::MessageLite& message);

// False, and nothing is appended, when the frame would be over the limit.
[[nodiscard]] bool append_frame_within(std::size_t frame_max_bytes, std::string& out, FrameType type,
                                       const google::protobuf::MessageLite& message);

// FrameReader cuts a byte stream into frames.
//
// Owner: a Connection.  Always: holds at most one unfinished frame and what arrived behind it; an announced
// length over the limit is refused before memory is taken for it.
class FrameReader {
 public:
  explicit FrameReader(std::size_t frame_max_bytes) : frame_max_bytes_(frame_max_bytes) {}

  // Room to read into, at least `at_least` bytes; then say how many bytes came.
  struct Space {
    char* data;
    std::size_t size;
  };
  Space space(std::size_t at_least);
  void commit(std::size_t bytes);

  // The next whole frame, or nothing yet (not_found), or too_large / protocol_error: the stream is beyond
  // repair.
  enum class Next : std::uint8_t { frame, incomplete, broken };
  Next next(Frame& frame, Error& error);

  std::size_t buffered_bytes() const { return end_ - begin_; }

 private:
  static constexpr std::size_t shrink_above_bytes = 1u << 20;

  std::size_t frame_bytes() const;

  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;   // of buffer_
  std::size_t begin_ = 0;  // first byte not handed out
  std::size_t end_ = 0;    // behind the last byte that arrived
  std::size_t frame_max_bytes_;
};

}  // namespace reeve
