// MasterInProcess: the native server with a Broker and a store in memory, on a thread of its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "master/net/native_server.h"
#include "master/store/memory_store.h"

namespace reeve::fakes {

class MasterInProcess {
 public:
  static constexpr std::string_view authkey = "a key for tests";

  explicit MasterInProcess(master::Limits limits = {}, master::ServerLimits server_limits = {}) {
    broker_ = std::make_unique<master::Broker>(limits, *store_.open(), clock_now(), 1);
    server_ =
        std::make_unique<master::NativeServer>(io_, *broker_, store_, std::string{authkey}, server_limits);
    if (auto listening = server_->listen({"127.0.0.1", 0}); !listening)
      throw std::runtime_error(listening.error().detail);
    address_ = server_->address();
    server_->start();
    loop_ = std::thread([this] { io_.run(); });
  }
  ~MasterInProcess() {
    io_.stop();
    loop_.join();
    io_.restart();
    server_->stop();
  }
  MasterInProcess(const MasterInProcess&) = delete;
  MasterInProcess& operator=(const MasterInProcess&) = delete;

  const Endpoint& address() const { return address_; }

  // Stops the program when an invariant of the Broker is broken.
  void check_invariants() {
    std::promise<void> checked;
    boost::asio::post(io_, [&] {
      broker_->check_invariants();
      checked.set_value();
    });
    checked.get_future().wait();
  }

 private:
  boost::asio::io_context io_{1};
  master::MemoryStore store_;
  std::unique_ptr<master::Broker> broker_;
  std::unique_ptr<master::NativeServer> server_;
  Endpoint address_;
  std::thread loop_;
};

}  // namespace reeve::fakes
