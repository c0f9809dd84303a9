#include "master/net/side_thread.h"

namespace reeve::master {

bool SideThread::run(std::function<void()> piece) {
  {
    const std::lock_guard lock{mutex_};
    if (pieces_.size() >= waiting_max || stopping_) return false;
    pieces_.push_back(std::move(piece));
  }
  wake_.notify_one();
  return true;
}

void SideThread::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    pieces_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void SideThread::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !pieces_.empty(); });
    if (stopping_) return;
    const auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    lock.unlock();
    piece();
    lock.lock();
  }
}

}  // namespace reeve::master
