// NamedQueue: a queue of the Broker, as Python sees it. Its items are values in the Broker's sense: durable, shared
// with native clients, and back at the front when the client that they were sent to ends before it has them.
//
// Owner: the ObjectTable, until its queue is removed; it holds nothing that a new one would not.  Thread: the loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "master/core/broker.h"
#include "master/managers/object.h"

namespace reeve::master::managers {

// What one session has in its hands: of the Broker's values.
struct QueueHand {
  SessionId session;
  std::vector<Pin> putting;  // objects whose proxies are in the value that it puts
  TaskId sent;               // in the answer that is on its way; index 0: none
  // Of each queue with ack = task_done, by order of getting; none is empty.
  std::unordered_map<std::string, std::deque<TaskId>> unacknowledged;
};

// The Manager's side: sessions that the Broker knows.
class QueueClients {
 public:
  virtual ~QueueClients() = default;
  virtual QueueHand& hand_of(SessionId session, Now now) = 0;
  virtual void taken(TaskId value) = 0;  // it is its taker's for good, no lease any more
  virtual std::string store_trouble()
      const = 0;  // why nothing can be kept at the moment; empty when all is well
};

class NamedQueue final : public Object {
 public:
  NamedQueue(std::string name, Broker& broker, QueueClients& clients)
      : name_(std::move(name)), broker_(broker), clients_(clients) {}

  const std::string& name() const { return name_; }
  std::string_view type_name() const override { return "queue.Queue"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  bool is_durable() const override { return true; }

  // What the Broker's answers mean to the one who asked.
  Outcome submitted(const Result<Accepted>& answer) const;
  Outcome got(const Result<std::span<const ItemView>>& answer, QueueHand& hand, ObjectTable& objects) const;
  Outcome done(const Result<std::uint64_t>& answer) const;
  // Values that no Python can read go to another queue, for people and native programs; in that one they stay.
  std::string unreadable_name() const;
  bool holds_unreadable() const { return name_.ends_with(unreadable_suffix); }
  // Of a value that one reader cannot be given: why no other can be either, for people. Empty: some can.
  std::string why_unreadable(const pickle::Fragment& fragment) const;
  // The client has the value that was sent. True: the Broker has something to keep.
  bool delivered(QueueHand& hand, TaskId sent, Now now, Effects& effects) const;

 private:
  static constexpr std::string_view unreadable_suffix = ".unreadable";

  std::string unreadable(Encoding encoding, std::size_t bytes, std::string_view why) const;
  Outcome put(Call& call);
  Outcome get(Call& call);
  Outcome task_done(Call& call);
  Outcome state(Call& call) const;  // qsize, empty, full

  std::string name_;
  Broker& broker_;
  QueueClients& clients_;
};

}  // namespace reeve::master::managers
