// Queue: a named queue on the master, used as Python uses the proxy of a queue.Queue.
//
// A Queue is a name and a connection: cheap to copy, valid after its Client is gone (calls then throw
// Unavailable).  Thread: any, several at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/api.h"
#include "common/base/time.h"
#include "reeve/handle.h"
#include "reeve/info.h"
#include "reeve/payload.h"

namespace reeve {

// A value that was taken from a queue. In a result queue it is the outcome of a task, and says of which one.
struct Item : Payload {
  std::uint64_t id_job = 0;  // its own name, as a task without a function
  std::uint32_t id_index = 0;
  std::int32_t priority = 0;
  std::string function;  // of a task that was seen with peek
  TaskName from;         // the task whose outcome this is; job 0: an ordinary value
  TaskState from_state = TaskState::succeeded;
  std::string error;  // of that task; empty exactly when it succeeded
};

struct PutOptions {
  std::int32_t priority = 0;  // higher first, in a priority queue
  Duration timeout = forever;
};

struct QueueOptions {
  QueueKind kind = QueueKind::fifo;
  std::uint64_t maxsize = 0;  // 0: no bound
  bool exist_ok = true;
  std::string function;        // values that are put become tasks of it; empty: they stay values
  std::string results;         // the queue that their results go to; empty: nowhere
  bool ack_task_done = false;  // a Python client that takes a value owns it only when it calls task_done
};

// What put_async promises: the value is in the queue, and on stable storage if the master keeps any.
class REEVE_API Ack {
 public:
  Ack(std::shared_ptr<client::Core> core, client::SlotPtr slot)
      : core_(std::move(core)), slot_(std::move(slot)) {}

  void get() const;  // waits; throws what went wrong
  bool ready() const;
  bool wait_for(Duration timeout) const;

 private:
  std::shared_ptr<client::Core> core_;
  client::SlotPtr slot_;
};

class REEVE_API Queue {
 public:
  Queue(std::shared_ptr<client::Core> core, std::string name);

  const std::string& name() const { return name_; }

  // Returns when the master has it on stable storage. A full queue: waits. Throws QueueFull after the
  // timeout.
  void put(Payload value, Duration timeout = forever) { put(std::move(value), PutOptions{0, timeout}); }
  void put(Payload value, const PutOptions& options);
  void put_nowait(Payload value, std::int32_t priority = 0);
  Ack put_async(Payload value, std::int32_t priority = 0);  // waits for room like put
  void put_many(std::vector<Payload> values, const PutOptions& options = {});

  // The next value. It is acknowledged to the master when this returns; if the connection is lost before, the
  // value goes back into the queue. Throws QueueEmpty after the timeout.
  Item get(Duration timeout = forever);
  Item get_nowait();  // Throws QueueEmpty also when there is no such queue; a get that waits makes it.
  // 1..max values, waiting for the first only. Throws QueueEmpty.
  std::vector<Item> get_many(std::size_t max, Duration timeout = forever);
  std::vector<Item> peek(std::size_t max = 1) const;  // shows what is next and takes nothing

  std::uint64_t qsize() const;
  bool empty() const { return qsize() == 0; }
  bool full() const;
  // The only thing that is not repeated on the next connection: it throws Unavailable when the connection is
  // lost before the answer, and then it is not known whether the master has counted it. Asking again could
  // count it twice, and values whose receipt was lost as well are back in the queue.
  void task_done(std::uint64_t count = 1);
  void join(Duration timeout = forever);  // until nothing is unfinished; throws TimedOut

  void create(const QueueOptions& options = {});
  QueueInfo info() const;
  void pause();
  void resume();
  std::uint64_t purge();  // how many tasks were dropped
  void remove();

 private:
  std::shared_ptr<client::Core> core_;
  std::string name_;
};

}  // namespace reeve
