#include "common/net/frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "proto/reeve.pb.h"

namespace reeve {
namespace {

struct Held {
  FrameType type;
  std::string body;
  bool operator==(const Held&) const = default;
};

// What the reader makes of bytes that arrive in the given pieces.
class FrameReaderTest : public testing::Test {
 protected:
  void arrive(std::string_view bytes) {
    const auto space = reader.space(bytes.size());
    ASSERT_GE(space.size, bytes.size());
    std::memcpy(space.data, bytes.data(), bytes.size());
    reader.commit(bytes.size());
  }
  FrameReader::Next drain() {
    Frame frame{};
    for (;;) {
      const auto next = reader.next(frame, error);
      if (next != FrameReader::Next::frame) return next;
      frames.push_back({frame.type, std::string{frame.body}});
    }
  }

  FrameReader reader{1000};
  Error error;
  std::vector<Held> frames;
};

std::string frame_of(FrameType type, std::uint64_t request, std::string text = {}) {
  wire::Done done;
  done.set_request(request);
  if (!text.empty()) done.mutable_error()->set_detail(text);
  std::string out;
  append_frame(out, type, done);
  return out;
}

std::string header(std::uint32_t length) {
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(length >> (8 * i));
  return bytes;
}

TEST_F(FrameReaderTest, AppendedFramesAreReadAgain) {
  std::string bytes;
  wire::Put put;
  put.set_queue("jobs");
  put.add_items("payload");
  append_frame(bytes, FrameType::put, put);
  append_frame(bytes, FrameType::goodbye, wire::Goodbye{});
  arrive(bytes);
  EXPECT_EQ(drain(), FrameReader::Next::incomplete);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], (Held{FrameType::put, put.SerializeAsString()}));
  EXPECT_EQ(frames[1], (Held{FrameType::goodbye, ""}));
  EXPECT_EQ(reader.buffered_bytes(), 0u);
}

TEST_F(FrameReaderTest, AFrameIsItsLengthItsTypeAndItsBody) {
  EXPECT_EQ(frame_of(FrameType::done, 5), (std::string{"\x03\x00\x00\x00\x17\x08\x05", 7}));
}

TEST_F(FrameReaderTest, FramesCutAtEveryByteAreTheSameFrames) {
  const std::string bytes = frame_of(FrameType::done, 1) + frame_of(FrameType::fetched, 300, "two") +
                            frame_of(FrameType::goodbye, 0);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    frames.clear();
    arrive(std::string_view{bytes}.substr(0, cut));
    EXPECT_EQ(drain(), FrameReader::Next::incomplete);
    arrive(std::string_view{bytes}.substr(cut));
    EXPECT_EQ(drain(), FrameReader::Next::incomplete);
    ASSERT_EQ(frames.size(), 3u) << "cut at " << cut;
    EXPECT_EQ(frames[1].type, FrameType::fetched);
  }
}

TEST_F(FrameReaderTest, FramesThatArriveByteByByteAreTheSameFrames) {
  const std::string bytes =
      frame_of(FrameType::done, 1, std::string(900, 'x')) + frame_of(FrameType::done, 2);
  for (const char byte : bytes) {
    arrive({&byte, 1});
    ASSERT_EQ(drain(), FrameReader::Next::incomplete);
  }
  EXPECT_EQ(frames.size(), 2u);
}

TEST_F(FrameReaderTest, ALengthAtTheLimitIsAccepted) {
  arrive(header(1000) + '\x01' + std::string(999, 'x'));
  drain();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].body.size(), 999u);
}

TEST_F(FrameReaderTest, ALengthOverTheLimitIsRefusedBeforeItsBodyComes) {
  arrive(header(1001));
  EXPECT_EQ(drain(), FrameReader::Next::broken);
  EXPECT_EQ(error.code, Errc::too_large);
  EXPECT_LT(reader.space(1).size, 1000u);  // no memory was set aside for it
}

TEST_F(FrameReaderTest, AFrameWithoutATypeIsAProtocolError) {
  arrive(frame_of(FrameType::done, 1) + header(0));
  EXPECT_EQ(drain(), FrameReader::Next::broken);
  EXPECT_EQ(error.code, Errc::protocol_error);
  EXPECT_EQ(frames.size(), 1u);  // what came before it counts
}

}  // namespace
}  // namespace reeve
