#include "master/store/store.h"

#include <random>

namespace reeve::master {

InstanceId random_instance() {
  std::random_device random;
  const auto high = static_cast<std::uint64_t>(random()) << 32;
  return InstanceId{(high | random()) | 1};  // never 0, which is none
}

}  // namespace reeve::master
