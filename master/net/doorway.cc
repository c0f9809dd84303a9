#include "master/net/doorway.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>

#include "common/base/assert.h"

namespace reeve::master {

namespace asio = boost::asio;

void Doorway::open() {
  if (thread_.joinable() || io_.stopped()) return;
  thread_ = std::thread{[this] {
    const auto strangers_may_come_later = asio::make_work_guard(io_);
    io_.run();
  }};
}

void Doorway::ask(const std::function<void()>& piece) {
  if (!thread_.joinable()) return piece();
  ASSERT(std::this_thread::get_id() != thread_.get_id(), "it would wait for itself");
  std::promise<void> done;
  asio::post(io_, [&piece, &done] {
    piece();
    done.set_value();
  });
  done.get_future().wait();
}

void Doorway::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace reeve::master
