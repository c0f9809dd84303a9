// reeve::Client: a program's connection to a reeve master. Everything else comes from it: queues, pools,
// jobs.
//
//   auto client = reeve::Client::connect({.master = "farm1:7733", .authkey_file = "farm.key"});
//   auto pool = client.pool({.queue = "default"});
//   for (const reeve::Payload& square : pool.map("square", std::views::iota(1, 100))) …
//
// The blocking face of an asynchronous core. What has no answer yet when the connection is lost is repeated
// on the next one, under the same submission number, so that nothing is queued twice; a call blocks
// meanwhile. Only Queue::task_done is not, see there. A client belongs to the master that it connected to: when
// that was started anew without its memory (--ephemeral), everything throws Unavailable, and a new Client is
// wanted. Trouble is thrown: reeve/errors.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/api.h"
#include "reeve/errors.h"
#include "reeve/info.h"
#include "reeve/job.h"
#include "reeve/payload.h"
#include "reeve/pool.h"
#include "reeve/queue.h"

namespace reeve {

struct ClientOptions {
  std::string master;        // "host:port"; empty: REEVE_MASTER, else 127.0.0.1:7733
  std::string authkey;       // the key itself; empty: from a file
  std::string authkey_file;  // empty: REEVE_AUTHKEY_FILE, REEVE_AUTHKEY, else DATA_DIR/authkey of this user
  std::string program = "reeve client library";  // for people who look at the master
  Duration connect_timeout = std::chrono::seconds{10};
  // After the first connection: how long to try again before everything under way fails. Zero: for ever.
  Duration reconnect_for = std::chrono::minutes{5};
  // Calls that were made but not sent: apply_async waits while there are more.
  std::size_t unsent_max_bytes = 64u << 20;
  // Called when the connection was lost (false) and when it is there again (true), not for the first one. On the thread
  // that drives the connection at that moment: it must not block, throw, or use this Client.
  std::function<void(bool connected, std::string_view master)> on_connection = {};
};

// Owner: the program.  Thread: any, except in callbacks.  The destructor closes.
class REEVE_API Client {
 public:
  // Throws Unavailable or AuthenticationFailed, with advice.
  static Client connect(const ClientOptions& options = {});
  Client(Client&&) noexcept = default;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // Sends what is not sent yet (waiting a few seconds at most), then ends everything that is still under way.
  void close();

  Queue queue(std::string name) { return {core_, std::move(name)}; }
  Pool pool(const PoolOptions& options = {});
  Job job(std::uint64_t number) { return {core_, number}; }

  // One job with these tasks. Returns when the master has accepted all of them.
  Job submit(const TaskSpec& spec, std::vector<std::string> payloads, const SubmitOptions& options = {});
  Job submit(const TaskSpec& spec, const NextPayload& next, const SubmitOptions& options = {});

  // No jobs named: the unfinished ones, or with `all` every one; the newest `limit` of them (0: no limit).
  std::vector<JobInfo> jobs(std::vector<std::uint64_t> numbers = {}, bool all = false,
                            std::uint32_t limit = 0);
  std::vector<QueueInfo> queues();
  // Empty: all. A name may be that of several: these come with the tasks that they run; none: throws NotFound.
  std::vector<WorkerInfo> workers(std::string_view name_or_id = {});
  WorkerInfo worker(std::string_view name_or_id);  // of several with one name the one that came first
  void drain(std::string_view worker, bool on = true);
  StatusInfo status();
  // Begins a copy of the master's store in a file of this name on the master's machine, and returns at once; asked again
  // with the same number (not 0, drawn at random) it says how that copy stands.
  BackupInfo backup(std::uint64_t number, std::string_view file);
  std::string master_address() const;  // "127.0.0.1:7733"
  std::uint64_t tasks_max()
      const;  // unfinished tasks that the master keeps, in all queues; 0: it did not say

 private:
  explicit Client(std::shared_ptr<client::Core> core) : core_(std::move(core)) {}
  std::shared_ptr<client::Core> core_;
};

}  // namespace reeve
