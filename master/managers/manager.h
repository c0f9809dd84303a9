// Manager: the rules of a multiprocessing.managers server. Requests and the time come in, replies go out; what
// concerns queues with a name becomes commands of the Broker.
//
// Owner: ManagersServer.  Thread: the loop thread.  No socket, no clock; nothing that a client pickled is ever
// executed or built.
// Always: a session has at most one request unanswered, and hears exactly one reply to each, unless it leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "common/pickle/request.h"
#include "master/core/broker.h"
#include "master/managers/declared.h"
#include "master/managers/named_queue.h"
#include "master/managers/object_table.h"
#include "master/managers/options.h"
#include "master/managers/proxies.h"
#include "master/managers/replies.h"

namespace reeve::master::managers {

class Manager final : private Hall, private QueueClients {
 public:
  // `broker`, `options` and `replies` outlive this.
  Manager(Broker& broker, const Options& options, Replies& replies);
  ~Manager() override;

  // What the configuration declares and what the store holds of it, brought together; once, before the first request.
  // The answer: remarks for the log. Errors: already_exists when that would lose data or two things have one name;
  // invalid_argument; storage_failed.
  Result<std::vector<std::string>> declare(std::span<const ObjectDeclaration> declared,
                                           std::span<const Recovered::Object> stored, Effects& effects);

  // The next request of a session; its first one addresses the server itself. True: the Broker has something to keep,
  // or to wake up for.
  bool request(SessionId from, std::string_view payload, Now now, Effects& effects);
  // The reply was written as far as this side can tell. True: the Broker has something to keep.
  bool answered(SessionId to, Now now, Effects& effects);
  // The session is gone. True: the Broker has something to do.
  bool left(SessionId session, Now now, Effects& effects);

  std::optional<TimePoint> wake_at() const;
  bool tick(Now now, Effects& effects);  // true: there is something to keep

  // ---- what the Broker says to sessions of this side
  void submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer);
  void got(SessionId to, std::uint64_t request, const Result<std::span<const ItemView>>& answer);
  void done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer);

  std::size_t objects() const { return objects_.size(); }
  std::size_t nameless_objects() const;  // of those; looks at all of them
  std::uint64_t object_bytes() const { return objects_.bytes(); }

 private:
  // One connection, as the rules see it.
  struct Peer {
    pickle::Reader reader = pickle::Reader::python3;
    bool calls = false;          // it said accept_connection
    bool delivering = false;     // a precious answer of `in` is on its way
    std::uint64_t call = 0;      // the number of the call that is not answered yet; 0: none
    std::uint64_t waiting = 0;   // …of the one whose answer comes later
    std::shared_ptr<Object> in;  // the object it waits in, or whose answer is on its way
    ItemPtr item;                // in that answer
    std::uint64_t note = 0;      // …and what its object is to be reminded of
    std::optional<TimePoint> deadline;
    std::vector<std::weak_ptr<Follower>> followers;
    std::unique_ptr<QueueHand> hand;  // what it holds of named queues; none: the Broker does not know it
  };
  using Deadline = std::tuple<TimePoint, SessionId, std::uint64_t>;  // …and the call
  struct Returned {  // a precious answer that its client cannot read, or is not there to read
    std::shared_ptr<Object> to;
    Undelivered answer;
    TaskId value;            // index 0: it is none of the Broker's
    std::string unreadable;  // that is, by any Python: why, for people
  };

  // manager_functions.cc: what a first request can ask for
  void serve_function(SessionId from, Peer& peer, Now now, Effects& effects);
  Outcome function(Now now, Effects& effects);
  Outcome create(Now now, Effects& effects);
  std::expected<std::shared_ptr<Object>, Raise> make(std::string_view type, const Arguments& arguments);
  std::expected<std::shared_ptr<Object>, Raise> named(std::string_view type, Now now, Effects& effects);
  std::shared_ptr<Object> enter_name(const std::string& name, std::shared_ptr<Object> object);
  std::shared_ptr<Object> find_named(const std::string& name);
  std::shared_ptr<Object> enter_queue(const std::string& name);
  void forget_removed_queues();
  Outcome count_reference(bool up);
  static std::string no_object(std::optional<std::string_view> ident);  // why a KeyError
  Outcome methods_of_token();
  Outcome shut_down();
  std::string debug_info() const;

  // manager_declared.cc
  Result<void> enter_declared(const ObjectDeclaration& as, const Recovered::Object* held, Effects& effects);

  void serve_call(SessionId from, Peer& peer, Now now, Effects& effects);
  Outcome call_method(Object& object, Call& call) const;
  void deliver(SessionId to, Peer& peer, const std::shared_ptr<Object>& from, const Outcome& outcome);
  void keep_what_is_sent(const Answer& answer);
  void came_back(SessionId session, Peer& peer, const std::shared_ptr<Object>& to, const Answer& answer);
  void take_back(const Returned& returned, Now now, Effects& effects);
  void settle(Now now, Effects& effects);  // what the last command left behind
  void stop_waiting(SessionId session, Peer& peer);
  NamedQueue* queue_asked_by(SessionId session, std::uint64_t request, Peer*& peer);

  // ---- Hall
  void wake(Object& from, const Caller& caller, Outcome outcome) override;
  void follow(std::weak_ptr<Follower> follower, SessionId session) override;
  std::shared_ptr<Object> find(std::string_view ident) override;
  std::expected<std::shared_ptr<Object>, Raise> adopt(std::shared_ptr<Object> made,
                                                      std::string_view type) override;

  // ---- QueueClients
  QueueHand& hand_of(SessionId session, Now now) override;
  void taken(TaskId value) override;
  std::string store_trouble() const override { return replies_.store_trouble(); }

  Broker& broker_;
  const Options& options_;
  Replies& replies_;
  ObjectTable objects_;
  pickle::RequestParser parser_;
  pickle::Request request_;  // the one that is carried out; its memory is used again
  std::string payload_;      // of the reply that is being written
  std::unordered_map<SessionId, Peer> peers_;
  static constexpr std::size_t names_usual_max = 64;
  std::unordered_map<std::string, std::shared_ptr<Object>> names_;
  std::size_t names_sweep_at_ = names_usual_max;
  std::set<Deadline> deadlines_;
  std::vector<Returned> returned_;
  Proxies proxies_;
  Records notes_;  // of declared objects, for the Broker's store
  std::uint64_t next_call_ = 1;
  bool broker_was_asked_ = false;
};

}  // namespace reeve::master::managers
