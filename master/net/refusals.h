// Refusals counts the connections that were turned away, by the reason, and logs one of each kind once in a while: a
// flood of strangers must not flood the log. Who reads the counts needs nobody's help, so that a refusal wakes no thread.
//
// Owner: NativeServer.  Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"

namespace reeve::master {

class Refusals {
 public:
  static constexpr auto log_interval = std::chrono::seconds{10};

  // `whom`: its address, or what is known of it, as a function, which is asked only when it is logged; may be empty.
  template <typename Whom>
  void count(const Error& why, const Whom& whom) {
    if (const std::uint64_t so_far = note(why.code)) tell(why, whom(), so_far);
  }
  std::map<Errc, std::uint64_t> counts() const;

 private:
  struct Kind {
    std::uint64_t count = 0;
    TimePoint logged;
  };
  std::uint64_t note(Errc code);  // so many so far; 0: and it was logged lately
  static void tell(const Error& why, std::string_view whom, std::uint64_t so_far);

  mutable std::mutex mutex_;
  std::map<Errc, Kind> kinds_;  // guarded by mutex_
};

}  // namespace reeve::master
