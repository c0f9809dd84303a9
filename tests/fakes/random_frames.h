// Frames of every type with bodies that parse as some message far more often than noise would.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>

#include "common/net/frame.h"

namespace reeve::fakes {

inline constexpr std::array frame_types{1,  2,  3,  4,  5,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                                        20, 21, 22, 23, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
                                        41, 50, 51, 52, 53, 54, 60, 61, 62, 63, 64, 65, 66, 67, 68};

// Of those, the ones that the master takes from a client and from a worker.
inline constexpr std::array client_frame_types{10, 12, 13, 14, 16, 17, 18, 19, 20, 22,
                                               30, 32, 34, 38, 39, 40, 41, 50, 52, 53};
inline constexpr std::array worker_frame_types{60, 63, 65, 66};

// Short fields: small numbers (with now and then a huge one), short texts, nested messages.
inline std::string random_body(std::mt19937_64& random, std::size_t depth = 0) {
  const auto below = [&](std::uint64_t end) { return random() % end; };
  const auto number = [&](std::string& out) {
    if (below(12) == 0) out.append(below(10), '\xff');
    out.push_back(static_cast<char>(below(6)));
  };
  std::string body;
  for (std::uint64_t fields = below(10); fields > 0; --fields) {
    const std::uint64_t field = 1 + below(15);
    const bool is_text = below(2) == 0;
    body.push_back(static_cast<char>(field << 3 | (is_text ? 2 : 0)));
    if (!is_text) {
      number(body);
      continue;
    }
    std::string text(below(3), static_cast<char>('p' + below(3)));
    if (below(3) == 0 && depth < 3) text = random_body(random, depth + 1);
    text.resize(std::min<std::size_t>(text.size(), 127));
    body.push_back(static_cast<char>(text.size()));
    body += text;
  }
  if (below(30) == 0 && !body.empty()) body[below(body.size())] = static_cast<char>(random());
  return body;
}

inline void append_random_frame(std::string& out, int type, std::mt19937_64& random) {
  const std::string body = random_body(random);
  const std::size_t length = 1 + body.size();
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(length >> (8 * i)));
  out.push_back(static_cast<char>(type));
  out += body;
}

}  // namespace reeve::fakes
