#include "common/base/byte_size.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(ByteSizeTest, UnitsCountInPowersOf1024OrThousands) {
  EXPECT_EQ(parse_byte_size("0"), 0u);
  EXPECT_EQ(parse_byte_size("512"), 512u);
  EXPECT_EQ(parse_byte_size("64MiB"), 64u << 20);
  EXPECT_EQ(parse_byte_size("64M"), 64u << 20);
  EXPECT_EQ(parse_byte_size("3 kib"), 3072u);
  EXPECT_EQ(parse_byte_size("2GB"), 2'000'000'000u);
  EXPECT_EQ(parse_byte_size("7B"), 7u);
}

TEST(ByteSizeTest, WhatIsNoSizeIsRefused) {
  for (const auto* text :
       {"", "MiB", "-1", "1.5MiB", "1 MiB x", "1XB", "99999999999999999999", "99999999999TiB"})
    EXPECT_FALSE(parse_byte_size(text)) << text;
}

TEST(ByteSizeTest, WhatIsWrittenIsReadBack) {
  for (const std::uint64_t bytes : {0ull, 1ull, 1000ull, 1024ull, 64ull << 20, (64ull << 20) + 1, 1ull << 50})
    EXPECT_EQ(parse_byte_size(format_byte_size(bytes)), bytes);
  EXPECT_EQ(format_byte_size(64u << 20), "64MiB");
}

}  // namespace
}  // namespace reeve
