// Refusals counts the connections that were turned away, by the reason, and logs one of each kind once in a while: a
// flood of strangers must not flood the log. How many were not logged is told from the loop's sweep, or at the end, so
// that a refusal wakes no thread.
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
  void count(const Error& why, const Whom& whom, TimePoint now = mono_now()) {
    if (const std::uint64_t so_far = note(why.code, now)) tell(why, whom(), so_far);
  }
  // Logs, of each kind whose last line is not younger than `logged_until`, how many came since without a line.
  void tell_rest(TimePoint logged_until);
  std::map<Errc, std::uint64_t> counts() const;

 private:
  struct Kind {
    std::uint64_t count = 0;
    std::uint64_t told = 0;  // the count in its last line
    TimePoint logged;
  };
  std::uint64_t note(Errc code, TimePoint now);  // so many so far; 0: and it was logged lately
  static void tell(const Error& why, std::string_view whom, std::uint64_t so_far);

  mutable std::mutex mutex_;
  std::map<Errc, Kind> kinds_;  // guarded by mutex_
};

}  // namespace reeve::master
