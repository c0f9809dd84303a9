// Any bytes as a stream of frames, cut anywhere: every frame that comes out lies within its bounds, and the
// message in it is refused or survives the way to our values and back.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/net/frame.h"
#include "proto/convert.h"
#include "proto/reeve.pb.h"

namespace {

constexpr std::size_t frame_max_bytes = 1u << 16;

void require(bool condition) {
  if (!condition) std::abort();
}

void try_messages(std::string_view body) {
  const auto parse = [body](auto message) {
    const bool parsed = message.ParseFromArray(body.data(), static_cast<int>(body.size()));
    return std::pair{parsed, std::move(message)};
  };
  if (const auto [ok, submit] = parse(reeve::wire::Submit{}); ok) {
    if (const auto spec = reeve::from_wire(submit.spec())) {
      reeve::wire::TaskSpec again;
      reeve::to_wire(*spec, again);
      require(*reeve::from_wire(again) == *spec);
    }
  }
  if (const auto [ok, complete] = parse(reeve::wire::Complete{}); ok) {
    for (const auto& finished : complete.attempts()) {
      (void)reeve::from_wire(finished.fence());
      require(reeve::is_final(reeve::from_wire(finished.outcome()).state));
    }
  }
  (void)parse(reeve::wire::WorkerHello{});
  (void)parse(reeve::wire::Put{});
  (void)parse(reeve::wire::TaskList{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0];  // how the stream is cut
  reeve::FrameReader reader{frame_max_bytes};
  for (std::size_t at = 1; at < size;) {
    const std::size_t bytes = std::min(piece, size - at);
    const auto space = reader.space(bytes);
    require(space.size >= bytes);
    std::memcpy(space.data, data + at, bytes);
    reader.commit(bytes);
    at += bytes;
    for (;;) {
      reeve::Frame frame{};
      reeve::Error error;
      const auto next = reader.next(frame, error);
      if (next == reeve::FrameReader::Next::broken) return 0;
      if (next == reeve::FrameReader::Next::incomplete) break;
      require(frame.body.size() < frame_max_bytes);
      try_messages(frame.body);
    }
  }
  return 0;
}
