// NativeServerTest: the native server in this process, with a store whose commits the test holds back or fails.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "master/net/native_server.h"
#include "master/store/memory_store.h"
#include "proto/convert.h"
#include "tests/fakes/wire_peer.h"

namespace reeve::master {

using namespace std::chrono_literals;
using fakes::WirePeer;
using testing::HasSubstr;

inline constexpr std::string_view authkey = "a key for tests";

// A store that says it is durable, and commits only when it may.
class GatedStore final : public Store {
 public:
  Result<Recovered> open() override { return memory_.open(); }
  Result<void> apply(Records& batch) override {
    std::unique_lock lock{mutex_};
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
    if (meanwhile_) meanwhile_();
    if (failing_) return fail(Errc::storage_failed, "the disk is full");
    return memory_.apply(batch);
  }
  Result<std::vector<StoredOutcome>> outcomes(JobId job, std::uint32_t first, std::uint32_t last,
                                              std::size_t limit) override {
    return memory_.outcomes(job, first, last, limit);
  }
  Result<std::vector<ChunkRecord>> chunks(JobId job, std::uint32_t first, std::uint32_t last) override {
    return memory_.chunks(job, first, last);
  }
  Result<std::unique_ptr<StoreBackup>> backup(std::string file) override {
    return fail(Errc::storage_failed, "cannot copy into {}", file);
  }
  bool durable() const override { return true; }

  void set_open(bool open) {
    set([&] { open_ = open; });
  }
  void set_failing(bool failing) {
    set([&] { failing_ = failing; });
  }
  // What happens while something is being written.
  void set_meanwhile(std::function<void()> meanwhile) {
    set([&] { meanwhile_ = std::move(meanwhile); });
  }
  void wait_until_somebody_waits() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  template <typename Change>
  void set(Change change) {
    const std::lock_guard lock{mutex_};
    change();
    changed_.notify_all();
  }
  MemoryStore memory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  bool failing_ = false;
  int waiting_ = 0;
  std::function<void()> meanwhile_;
};

class NativeServerTest : public testing::Test {
 protected:
  NativeServerTest() {
    ServerLimits limits;
    limits.listener.unauthenticated_max = 8;
    limits.listener.handshake_deadline = 300ms;
    limits.connection.frame_max_bytes = 1 << 20;
    broker = std::make_unique<Broker>(Limits{}, *store.open(), clock_now(), 1);
    server = std::make_unique<NativeServer>(io, *broker, store, std::string{authkey}, limits);
    EXPECT_TRUE(server->listen({"127.0.0.1", 0}));
    address = server->address();
    server->start();
    loop = std::thread([this] { io.run(); });
  }
  ~NativeServerTest() override {
    store.set_failing(false);
    store.set_open(true);
    end_loop();
    if (server) server->stop();
  }
  void end_loop() {
    if (!loop.joinable()) return;
    io.stop();
    loop.join();
    io.restart();
  }

  static wire::Submit submission(std::uint64_t number = 1) {
    wire::Submit submit;
    submit.set_request(number);
    submit.set_submission(number);
    submit.mutable_spec()->set_function("f");
    submit.add_payloads("12");
    submit.set_watch(true);
    return submit;
  }

  static wire::Complete complete_all(const wire::Grant& grant) {
    wire::Complete complete;
    complete.set_batch(1);
    for (const auto& task : grant.tasks()) {
      auto& finished = *complete.add_attempts();
      finished.mutable_fence()->set_epoch(grant.epoch());
      finished.mutable_fence()->set_job(task.job());
      finished.mutable_fence()->set_index(task.index());
      finished.mutable_fence()->set_attempt(task.attempt());
      finished.mutable_outcome()->set_state(wire::SUCCEEDED);
      finished.mutable_outcome()->set_value("144");
    }
    return complete;
  }

  GatedStore store;
  boost::asio::io_context io{1};
  std::unique_ptr<Broker> broker;
  std::unique_ptr<NativeServer> server;
  Endpoint address;
  std::thread loop;
};

}  // namespace reeve::master
