#include "master/net/refusals.h"

#include <vector>

#include "common/app/log.h"

namespace reeve::master {

std::uint64_t Refusals::note(Errc code, TimePoint now) {
  const std::lock_guard lock{mutex_};
  Kind& kind = kinds_[code];
  ++kind.count;
  if (kind.count > 1 && now - kind.logged < log_interval) return 0;
  kind.logged = now;
  kind.told = kind.count;
  return kind.count;
}

void Refusals::tell(const Error& why, std::string_view whom, std::uint64_t so_far) {
  log::warn("refused {}: {} ({} so far: {})", whom.empty() ? "a connection" : whom, why.detail,
            name_of(why.code), so_far);
}

void Refusals::tell_rest(TimePoint logged_until) {
  struct Rest {
    Errc code;
    std::uint64_t more, so_far;
  };
  std::vector<Rest> rests;  // logged without the mutex
  {
    const std::lock_guard lock{mutex_};
    for (auto& [code, kind] : kinds_) {
      if (kind.told == kind.count || kind.logged > logged_until) continue;
      rests.push_back({code, kind.count - kind.told, kind.count});
      kind.told = kind.count;
    }
  }
  for (const Rest& rest : rests)
    log::warn("refused {} more ({} so far: {})", rest.more, name_of(rest.code), rest.so_far);
}

std::map<Errc, std::uint64_t> Refusals::counts() const {
  std::map<Errc, std::uint64_t> counts;
  const std::lock_guard lock{mutex_};
  for (const auto& [code, kind] : kinds_) counts.emplace(code, kind.count);
  return counts;
}

}  // namespace reeve::master
