// Any frames from several clients and workers to a real master with a store in memory, in any state of their sessions: it
// answers or closes, and its invariants hold.
//
// The input is a sequence of steps, as tests/fuzz/session_steps.h reads them.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "common/app/log.h"
#include "master/net/native_server.h"
#include "master/store/memory_store.h"
#include "proto/reeve.pb.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/session_steps.h"

namespace {

using namespace reeve;
using namespace reeve::fuzz;
namespace asio = boost::asio;

// The far end of one connection. What the master says is read and dropped.
class Peer {
 public:
  Peer(asio::io_context& io, master::NativeServer& server, Role role) {
    std::array<int, 2> ends{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    fd_ = ends[0];
    server.welcome(asio::ip::tcp::socket{io, asio::ip::tcp::v4(), ends[1]}, role);
  }
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void say(std::string_view bytes) { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void listen() {
    std::array<char, 1 << 16> said{};
    while (::recv(fd_, said.data(), said.size(), 0) > 0) continue;
  }

 private:
  int fd_ = -1;
};

class World {
 public:
  World() : broker_(limits(), Recovered(), clock_now(), 1), server_(io_, broker_, store_, "key", {}) {
    server_.start();
  }
  ~World() {
    for (auto& peer : peers_) peer.reset();
    settle();
    server_.stop();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void step(const SessionStep& step) {
    std::unique_ptr<Peer>& peer = peers_.at(step.peer);
    if (step.leaves) {
      peer.reset();
    } else {
      if (!peer) join(peer, step);
      peer->say(step.frame());
      settle();
      if (peer) peer->listen();
    }
    settle();
    broker_.check_invariants();
  }

 private:
  static master::Limits limits() {
    master::Limits limits;
    limits.chunk_tasks_max = 3;
    limits.batch_max = 50;
    limits.queues_max = 20;
    limits.jobs_max = 100;
    limits.results_max = 30;
    limits.submissions_max = 20;
    limits.waiters_max = 20;
    return limits;
  }
  static master::Recovered Recovered() {
    master::Recovered fresh;
    fresh.epoch = Epoch{1};  // so that inputs can name fences
    return fresh;
  }
  void join(std::unique_ptr<Peer>& peer, const SessionStep& step) {
    peer = std::make_unique<Peer>(io_, server_, is_worker(step.peer) ? Role::worker : Role::client);
    if (step.raw) return;
    std::string bytes;
    const std::string key(16, static_cast<char>('a' + step.peer));
    if (is_worker(step.peer)) {
      wire::WorkerHello hello;
      hello.set_worker_key(key);
      hello.set_name(key);
      hello.set_slots(3);
      hello.add_functions("f");
      hello.set_commands(true);
      append_frame(bytes, FrameType::worker_hello, hello);
      wire::Capacity capacity;
      capacity.set_held_max(3);
      append_frame(bytes, FrameType::capacity, capacity);
    } else {
      wire::ClientHello hello;
      hello.set_client_key(key);
      append_frame(bytes, FrameType::client_hello, hello);
    }
    peer->say(bytes);
    settle();
  }
  void settle() {
    while (io_.poll() > 0) continue;
  }

  asio::io_context io_{1};
  master::MemoryStore store_;
  master::Broker broker_;
  master::NativeServer server_;
  std::array<std::unique_ptr<Peer>, session_peers> peers_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = [] {
    log::start(log::Level::off);
    return true;
  }();
  (void)quiet;
  World world;
  Bytes bytes{data, size};
  for (int steps = 0; !bytes.empty() && steps < 64; ++steps) world.step(SessionStep::read(bytes));
  return 0;
}
