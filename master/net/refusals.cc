#include "master/net/refusals.h"

#include "common/app/log.h"

namespace reeve::master {

std::uint64_t Refusals::note(Errc code) {
  const std::lock_guard lock{mutex_};
  Kind& kind = kinds_[code];
  ++kind.count;
  const TimePoint now = mono_now();
  if (kind.count > 1 && now - kind.logged < log_interval) return 0;
  kind.logged = now;
  return kind.count;
}

void Refusals::tell(const Error& why, std::string_view whom, std::uint64_t so_far) {
  log::warn("refused {}: {} ({} so far: {})", whom.empty() ? "a connection" : whom, why.detail,
            name_of(why.code), so_far);
}

std::map<Errc, std::uint64_t> Refusals::counts() const {
  std::map<Errc, std::uint64_t> counts;
  const std::lock_guard lock{mutex_};
  for (const auto& [code, kind] : kinds_) counts.emplace(code, kind.count);
  return counts;
}

}  // namespace reeve::master
