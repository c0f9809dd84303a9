// The listener of Python programs and its sessions, in this process, and a program's end of a connection to them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <thread>

#include "master/managers/message.h"
#include "master/managers/server.h"
#include "master/managers/signer.h"
#include "master/store/memory_store.h"
#include "tests/fakes/wire_peer.h"
#include "tests/unit/master/managers/manager_fixture.h"

namespace reeve::master::managers {

inline constexpr std::string_view authkey = "a key for tests";

inline std::string framed(std::string_view payload) {
  std::string bytes;
  append_message(bytes, payload);
  return bytes;
}

// A Python program's end of a connection.
class PythonPeer {
 public:
  explicit PythonPeer(const Endpoint& master) : peer_(master) {}

  // The next message of the master; nothing when it closed the connection.
  std::string hear() {
    const std::string header = peer_.receive_bytes(4);
    if (header.size() < 4) return "";
    std::size_t length = 0;
    for (const char byte : header) length = length << 8 | static_cast<unsigned char>(byte);
    return peer_.receive_bytes(length);
  }
  void say(std::string_view payload) { peer_.send_bytes(framed(payload)); }
  void send_bytes(std::string_view bytes) { peer_.send_bytes(bytes); }
  void leave() { peer_.close(); }
  bool closed_by_master() { return peer_.closed_by_master(); }

  // The handshake, but for our last word. False: the master did not take part, or refused the key.
  bool prove(std::string_view key = authkey) {
    const std::string challenge = hear();
    if (!challenge.starts_with("#CHALLENGE#")) return false;
    say("{sha256}" + Signer{key}.sign(Digest::sha256, std::string_view{challenge}.substr(11)));
    if (hear() != "#WELCOME#") return false;
    say("#CHALLENGE#{sha256}" + std::string(40, 'q'));
    return hear().starts_with("{sha256}");
  }
  // The handshake and the first request, which says that calls follow.
  bool join() {
    if (!prove()) return false;
    say("#WELCOME#");
    say(Request{"", "accept_connection"}.text("test").done());
    return hear().contains("#RETURN");
  }
  // A call and its answer.
  std::string ask(const Request& request) {
    say(request.done());
    return hear();
  }
  // Whether a call is answered; there is no object to call.
  bool is_served() {
    say(Request{"1000000", "anything"}.done());
    return hear().contains("1000000");
  }

 private:
  fakes::WirePeer peer_;
};

class ManagersServerTest : public ::testing::Test {
 protected:
  // The loop does not run until run_loop().
  void start(Options options = {}) {
    options.listen = {"127.0.0.1", 0};
    native = std::make_unique<NativeServer>(io, broker, store, std::string{authkey}, ServerLimits{});
    server = std::make_unique<ManagersServer>(io, *native, authkey, options, [] {});
    ASSERT_TRUE(server->listen());
    address = server->address();
  }
  void run_loop() {
    native->start();
    loop = std::thread{[this] { io.run(); }};
  }
  void stop() {
    if (loop.joinable()) {
      io.stop();
      loop.join();
      io.restart();
    }
    if (!server) return;
    server->stop_listening();
    native->stop();
    server.reset();
    native.reset();
  }
  ~ManagersServerTest() override { stop(); }

  // The ident of a new object.
  std::string create(std::string_view type) const {
    PythonPeer peer{address};
    EXPECT_TRUE(peer.prove());
    peer.say("#WELCOME#");
    const std::string answer = peer.ask(Request{"", "create"}.text(type));
    const std::size_t at = answer.find("#RETURN");
    EXPECT_NE(at, std::string::npos) << answer;
    const auto size = static_cast<std::size_t>(answer.at(at + 9));  // "U", its length, the ident
    return answer.substr(at + 10, size);
  }
  // While it exists, the loop does nothing, and everything that was sent before its end is there together.
  class Pause {
   public:
    explicit Pause(ManagersServerTest& test) {
      boost::asio::post(test.io, [this, over = over_.get_future().share()] {
        begun_.set_value();
        over.wait();
      });
      begun_.get_future().wait();
    }
    ~Pause() { over_.set_value(); }

   private:
    std::promise<void> begun_, over_;
  };

  std::string what_ends() {
    return boost::asio::post(io, boost::asio::use_future([this] { return server->what_ends(); })).get();
  }
  std::uint64_t refused(Errc code) const { return native->refusals().counts()[code]; }

  boost::asio::io_context io{1};
  MemoryStore store;
  Broker broker{Limits{}, *store.open(), clock_now(), 1};
  std::unique_ptr<NativeServer> native;
  std::unique_ptr<ManagersServer> server;
  Endpoint address;
  std::thread loop;
};

}  // namespace reeve::master::managers
