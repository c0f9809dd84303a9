// Object: what a proxy stands for. Plain C++: calls and the time come in, answers go out; a call that has to wait
// becomes a waiter of the object, and is answered, timed out or forgotten later.
//
// Owner: the ObjectTable, and the Pins of items that hold a proxy of it.  Thread: the loop thread.
// Always: a caller waits in at most one object, and hears one answer to each call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/time.h"
#include "master/managers/answer.h"
#include "master/managers/arguments.h"
#include "master/managers/cells.h"

namespace reeve::master {
class Effects;
}

namespace reeve::master::managers {

class Hall;

// One call of one connection. Numbers of calls rise, so waiters in their order are waiters by arrival.
struct Caller {
  SessionId session;
  std::uint64_t call = 0;
  bool python2 = false;
};

class Object;
class ObjectTable;

// A precious answer that did not reach its caller.
struct Undelivered {
  SessionId session;
  ItemPtr item;            // in it, if any was
  std::uint64_t note = 0;  // Answer::note
};

// What belongs to sessions, and hears when one of them is gone that does not wait for it.
class Follower {
 public:
  virtual ~Follower() = default;
  virtual void session_left(SessionId session, Hall& hall) = 0;
};

// What an object can ask for while it is called.
class Hall {
 public:
  virtual ~Hall() = default;
  // The answer to a call that waited in `from`.
  virtual void wake(Object& from, const Caller& caller, Outcome outcome) = 0;
  // It hears when this session is gone, if it is still there.
  virtual void follow(std::weak_ptr<Follower> follower, SessionId session) = 0;
  virtual std::shared_ptr<Object> find(std::string_view ident) = 0;
  // Gives a new object an ident, for a proxy of it to be answered. Raises MemoryError over objects_max.
  virtual std::expected<std::shared_ptr<Object>, Raise> adopt(std::shared_ptr<Object> made,
                                                              std::string_view type) = 0;
};

struct Call {
  Caller caller;
  std::string_view method;
  Arguments& arguments;
  Now now;
  Hall& hall;
  Effects& effects;  // the Broker's
};

class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;

  virtual std::string_view type_name() const = 0;
  // The names of its methods, always in the same order: clients keep a class for each list.
  virtual std::span<const std::string_view> exposed() const = 0;
  // Pre: call.method is exposed.
  virtual Outcome call(Call& call) = 0;
  // Python's text of it; "..." for what stands behind repr_max_bytes, or behind something longer, or where the `steps` of
  // the call are spent.
  virtual std::string repr(std::size_t item_bytes_max, std::uint64_t& steps) const;
  static constexpr std::size_t repr_max_bytes = 1u << 20;
  virtual Outcome getvalue() const;  // #GETVALUE

  // The waiting call's time is up.
  virtual void timed_out(const Caller&, Hall&, Now) {}
  // The session is gone, and with it the call that waited here.
  virtual void left(SessionId, std::uint64_t /*call*/, Hall&) {}
  virtual void undelivered(const Undelivered&, Hall&) {}
  // Whether its answers speak of what the store must hold first.
  virtual bool is_durable() const { return cells.kept(); }
  // What it takes in memory beside its items.
  virtual std::uint64_t own_bytes() const { return 0; }

  // ---- declared objects: what outlives the master
  // False: there is nothing to keep, as it belongs to the connections that use it.
  virtual bool has_state() const { return false; }
  virtual std::string_view typecode() const { return {}; }  // of a Value or an Array
  virtual void note_all() {}                                // all of it, into `cells`
  // A cell that the store holds; they come in the order of their numbers. Pre: nobody has called this object yet.
  // storage_failed: it is no cell of such an object.
  virtual Result<void> recall(std::int64_t number, std::string_view content);
  Cells cells;

  // ---- the ObjectTable's
  ObjectTable* table = nullptr;
  std::string ident;
  std::string typeid_;
  std::uint64_t references = 0;
  std::uint64_t pins = 0;
  std::uint64_t counted_bytes = 0;  // of own_bytes, in the usage
  bool permanent = false;           // a name leads to it
};

// What a reader hears that cannot take the item (the other generation of Python has no form of it): the item stays
// where it is. None: it can.
std::optional<Answer> refusal_to(pickle::Reader reader, const ItemPtr& item);

}  // namespace reeve::master::managers
