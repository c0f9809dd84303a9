// What has to hold for everything that comes out of the pickle layer, whatever went in.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>

#include "common/pickle/compare.h"
#include "common/pickle/convert.h"
#include "common/pickle/json.h"
#include "common/pickle/reply.h"
#include "common/pickle/slice.h"
#include "common/pickle/stored.h"

namespace reeve::pickle {

inline void require(bool condition, std::source_location where = std::source_location::current()) {
  if (condition) return;
  std::fprintf(stderr, "broken invariant at %s:%u\n", where.file_name(), where.line());
  std::abort();
}

// Small enough that a fuzzer's input reaches them.
inline Limits fuzz_limits() {
  return {.opcodes_max = 20'000,
          .stack_max = 5'000,
          .marks_max = 200,
          .depth_max = 1'000,
          .memo_max = 5'000,
          .inline_bytes_max = 1u << 20,
          .inline_depth_max = 100,
          .value_depth_max = 50,
          .value_elements_max = 20'000,
          .steps_max = 20'000,
          .text_bytes_max = 1u << 16};
}

// The scanner accepts it, and its fixups are the memo opcodes in it.
inline void check_fragment(const Fragment& fragment, const Limits& limits) {
  Limits wide = limits;  // a conversion writes more opcodes than it reads
  wide.opcodes_max *= 8;
  wide.stack_max *= 4;
  wide.depth_max *= 4;
  wide.pickle_bytes_max *= 8;
  wide.inline_bytes_max = std::max<std::uint64_t>(wide.inline_bytes_max, 8 * fragment.bytes.size());
  Scan scan{wide};
  require(scan.fragment(fragment.bytes).has_value());
  std::size_t memo_opcodes = 0;
  for (const Event& event : scan.events()) {
    require(event.kind != Event::Kind::skip);
    if (event.kind != Event::Kind::put && event.kind != Event::Kind::get) continue;
    require(memo_opcodes < fragment.fixups.size() && fragment.fixups[memo_opcodes] == event.at + 1);
    require(read_number<std::uint32_t>(fragment.bytes, event.at + 1) < fragment.memo_count);
    ++memo_opcodes;
  }
  require(memo_opcodes == fragment.fixups.size());
  Fragment again;
  require(slice(scan, scan.top(), again).has_value());
  // Less may be left: what was popped behind the value, before something was memoised, goes only now. And a byte more
  // for what is memoised twice: a PUT becomes POP and GET.
  require(again.bytes.size() <= fragment.bytes.size() + memo_opcodes && again.protocol <= fragment.protocol);
  require(fragment.high_bytes || !again.high_bytes);
}

// Every reader gets something that the scanner accepts, or a refusal that leaves no trace.
inline void check_conversions(const Fragment& fragment, const Limits& limits) {
  for (const Reader reader : {Reader::python2, Reader::python3_old, Reader::python3}) {
    const Result<Fragment> converted = convert(fragment, reader, limits);
    if (converted) check_fragment(*converted, limits);
    require(!converted || reader != Reader::python2 || !needs_conversion(*converted, reader));
    std::string out = "before";
    ReplyWriter reply{reader, out, ReplyKind::returned};
    const std::size_t begin = out.size();
    require(reply.value(fragment).has_value() || out.size() == begin);
  }
}

// What is read is written as the same value; texts and comparisons end.
inline void check_value(const Fragment& fragment, const Limits& limits) {
  const Result<Value> value = decode(fragment, limits);
  if (!value) return;
  (void)repr(*value, limits);
  (void)class_name(fragment);
  const Result<std::size_t> hashed = hash(*value, limits);
  (void)less(*value, *value, limits);
  if (const Result<std::string> json = to_json(*value, limits)) require(from_json(*json, limits).has_value());
  const Result<Fragment> written = encode(*value, limits);
  if (!written) return;
  check_fragment(*written, limits);
  Limits wide = limits;
  wide.steps_max *= 16;
  const Result<Value> again = decode(*written, wide);
  if (!again) return;
  const Result<bool> itself = equal(*value, *value, wide), same = equal(*value, *again, wide);
  if (!itself || !same || !*itself) return;  // NaN is in it, or it is too big
  const Result<std::size_t> hashed_again = hash(*again, wide);
  require(!hashed || !hashed_again || !*same || *hashed == *hashed_again);
}

}  // namespace reeve::pickle
