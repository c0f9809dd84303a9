#include "master/store/store.h"

#include <random>

#include "master/store/backup.h"

namespace reeve::master {

InstanceId random_instance() {
  std::random_device random;
  const auto high = static_cast<std::uint64_t>(random()) << 32;
  return InstanceId{(high | random()) | 1};  // never 0, which is none
}

Result<std::unique_ptr<StoreBackup>> Store::backup(std::string) {
  return fail(Errc::wrong_state, "everything is kept in memory only: there is nothing to copy");
}

}  // namespace reeve::master
