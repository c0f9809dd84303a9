#include "common/app/watchdog.h"

#include "common/app/service_manager.h"

namespace reeve {

void Watchdog::start() {
  const auto interval = service_manager::watchdog_interval();
  if (!interval) return;
  service_manager::alive();
  timer_.expires_after(*interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) start();
  });
}

}  // namespace reeve
