#include "master/managers/message.h"

#include <gtest/gtest.h>

#include <vector>

namespace reeve::master::managers {
namespace {

using Next = MessageReader::Next;

// Every message in `bytes`, fed in pieces of `piece` bytes.
std::vector<std::string> messages_in(std::string_view bytes, std::size_t piece) {
  MessageReader reader{1'000};
  std::vector<std::string> found;
  while (!bytes.empty()) {
    reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    std::string_view message;
    Error error;
    Next next{};
    while ((next = reader.next(message, error)) == Next::message) found.emplace_back(message);
    if (next == Next::broken) found.push_back("broken: " + error.detail);
  }
  EXPECT_EQ(reader.buffered_bytes(), 0u);
  return found;
}

TEST(MessageTest, MessagesAreFoundInWhateverPiecesTheyArrive) {
  std::string bytes;
  append_message(bytes, "first");
  append_message(bytes, "");
  append_message(bytes, std::string(300, 'x'));
  const std::vector<std::string> expected{"first", "", std::string(300, 'x')};
  for (const std::size_t piece : {1, 2, 3, 4, 5, 7, 100, 1'000})
    EXPECT_EQ(messages_in(bytes, piece), expected);
}

TEST(MessageTest, AHeaderOfTwelveBytesIsUnderstoodForSmallMessagesToo) {
  const std::string bytes{"\xff\xff\xff\xff\0\0\0\0\0\0\0\x02hi", 14};
  EXPECT_EQ(messages_in(bytes, 1), std::vector<std::string>{"hi"});
}

TEST(MessageTest, LengthsAreBigEndian) {
  std::string bytes;
  append_message(bytes, std::string(0x0102, 'x'));
  EXPECT_EQ(bytes.substr(0, 4), (std::string{"\0\0\x01\x02", 4}));
  bytes.clear();
  append_message_header(bytes, 0x1'0000'0000);
  EXPECT_EQ(bytes, (std::string{"\xff\xff\xff\xff\0\0\0\x01\0\0\0\0", 12}));
}

TEST(MessageTest, ALengthOverTheLimitIsRefusedBeforeItsBytesCome) {
  for (const std::string_view header :
       {std::string_view{"\0\0\x03\xe9", 4}, std::string_view{"\x7f\xff\xff\xff", 4},
        std::string_view{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12}}) {
    MessageReader reader{1'000};
    reader.feed(header);
    std::string_view message;
    Error error;
    ASSERT_EQ(reader.next(message, error), Next::broken);
    EXPECT_EQ(error.code, Errc::too_large);
  }
}

TEST(MessageTest, ANegativeLengthOtherThanTheMarkIsAnError) {
  MessageReader reader{1'000};
  reader.feed("\xff\xff\xff\xfe");
  std::string_view message;
  Error error;
  ASSERT_EQ(reader.next(message, error), Next::broken);
  EXPECT_EQ(error.code, Errc::protocol_error);
}

}  // namespace
}  // namespace reeve::master::managers
