// Pool: function calls spread over the workers, as Python's multiprocessing.Pool spreads them over processes.
//
// A Pool is one open job on the master: every call appends a task to it. Calls that are made faster than the
// network takes them travel together, many in one frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/api.h"
#include "common/base/time.h"
#include "reeve/handle.h"
#include "reeve/info.h"
#include "reeve/payload.h"

namespace reeve {

namespace client {
struct PoolState;
}

// Future: the result of one task, now or later.
//
// A value: copies share the result. It may outlive Pool and Client; what had not come by then ends with
// Unavailable.  Thread: any; wait and get may be called from several threads at once.
class REEVE_API Future {
 public:
  Future() = default;
  Future(std::shared_ptr<client::Core> core, client::SlotPtr slot)
      : core_(std::move(core)), slot_(std::move(slot)) {}

  bool ready() const;
  void wait() const { (void)wait_for(forever); }
  bool wait_for(Duration timeout) const;  // whether it is ready
  // Whether the task succeeded. Pre: ready().
  bool successful() const;
  // Waits, then the value. Throws TaskFailed, or Unavailable when the result cannot come any more.
  Payload get() const;
  Payload get(Duration timeout) const;  // throws TimedOut also
  // Waits, then all that is known about how the task ended; a failed task is no exception here.
  Outcome outcome() const;
  // Which task this is. Job 0 until the master has accepted it.
  TaskName task() const;

 private:
  std::shared_ptr<client::Core> core_;
  client::SlotPtr slot_;
};

// Called once with a ready future, on the thread that drives the connection at that moment: it must not
// block, and must not wait for anything of the same Client (that throws, before anything is sent). apply_async is welcome; it throws
// Unavailable in a callback that is called because the Client ends. An exception that leaves a callback ends
// there, and nobody hears of it, because that thread waits for something else: catch what you want to know.
using Callback = std::function<void(Future)>;

// The results of map_async, in order.
class REEVE_API MapFuture {
 public:
  explicit MapFuture(std::vector<Future> parts) : parts_(std::move(parts)) {}

  bool ready() const;
  void wait() const { (void)wait_for(forever); }
  bool wait_for(Duration timeout) const;
  bool successful() const;  // Pre: ready().
  // Waits for all, then throws what the first failed one threw, if any did.
  std::vector<Payload> get() const;
  const std::vector<Future>& parts() const { return parts_; }

 private:
  std::vector<Future> parts_;
};

struct PoolOptions {
  std::string queue = "default";
  std::string name;  // of the job, for people
  std::uint32_t retries = 0;
  Duration time_limit{0};  // of one attempt's run; 0: none
  std::int32_t priority = 0;
  std::size_t window = 10'000;  // imap: how many elements may be under way at once
};

// Where imap takes its elements from; no value: the end.
using PayloadSource = std::function<std::optional<Payload>()>;

// The results of imap as a range that is read once. Elements are taken and submitted as results are read,
// `window` ahead. A failed task throws TaskFailed where its result would have been; ++ goes on behind it.
class REEVE_API ResultStream {
 public:
  struct State;
  explicit ResultStream(std::unique_ptr<State> state);
  ResultStream(ResultStream&&) noexcept;
  ResultStream& operator=(ResultStream&&) noexcept;
  ~ResultStream();

  std::optional<Future> next();  // waits for the next ready one; nothing at the end

  class Iterator {
   public:
    using value_type = Payload;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(ResultStream* stream) : stream_(stream) { ++*this; }
    Payload operator*() const { return current_->get(); }
    Iterator& operator++() {
      current_ = stream_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !current_; }

   private:
    ResultStream* stream_;
    std::optional<Future> current_;
  };
  Iterator begin() { return Iterator{this}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::unique_ptr<State> state_;
};

// Owner: the program.  Thread: any; calls from several threads are in order per thread.
// The destructor closes the pool; results that are under way still come.
class REEVE_API Pool {
 public:
  explicit Pool(std::shared_ptr<client::PoolState> state) : state_(std::move(state)) {}
  Pool(Pool&&) noexcept = default;
  Pool& operator=(Pool&& other) noexcept;
  ~Pool();

  Payload apply(std::string_view function, Payload payload) {
    check_may_wait();
    return apply_async(function, std::move(payload)).get();
  }
  Future apply_async(std::string_view function, Payload payload, Callback callback = {});
  // With a spec of its own; its queue must be the pool's.
  Future apply_async(const TaskSpec& spec, std::string payload, Callback callback = {});
  // The last call: closes the pool with it. When it is the first one as well, its job is complete from the start, and
  // not left open whatever becomes of this program.
  Future apply_last(const TaskSpec& spec, std::string payload);

  template <std::ranges::input_range Range>
  std::vector<Payload> map(std::string_view function, Range&& elements) {
    check_may_wait();
    return map_async(function, std::forward<Range>(elements)).get();
  }
  template <std::ranges::input_range Range>
  MapFuture map_async(std::string_view function, Range&& elements) {
    std::vector<Future> parts;
    if constexpr (std::ranges::sized_range<Range>) parts.reserve(std::ranges::size(elements));
    for (auto&& element : elements)
      parts.push_back(apply_async(function, Payload(std::forward<decltype(element)>(element))));
    return MapFuture{std::move(parts)};
  }
  // In the order of the elements. `elements` is read while results are: an lvalue must live as long.
  template <std::ranges::input_range Range>
  ResultStream imap(std::string_view function, Range&& elements) {
    return stream(function, source_of(std::forward<Range>(elements)), true);
  }
  // In the order in which they finish.
  template <std::ranges::input_range Range>
  ResultStream imap_unordered(std::string_view function, Range&& elements) {
    return stream(function, source_of(std::forward<Range>(elements)), false);
  }
  ResultStream stream(std::string_view function, PayloadSource elements, bool ordered);

  void close();  // no more calls; those under way go on
  // Closes the pool and takes no more results: what has not come when this returns stays with the master, for those who
  // ask for the job. Its futures end with the Client.
  void leave();
  // Waits until every call has its result. Throws TimedOut.
  void join(Duration timeout = forever);
  std::uint64_t job() const;  // its number; 0 before the master has accepted the first task

 private:
  void check_may_wait() const;  // throws in a callback
  template <typename Range>
  static PayloadSource source_of(Range&& elements) {
    using View = std::views::all_t<Range>;
    struct Walk {  // shared, because a std::function is copied and an iterator may not be
      explicit Walk(View all) : view(std::move(all)), at(std::ranges::begin(view)) {}
      View view;
      std::ranges::iterator_t<View> at;
    };
    auto walk = std::make_shared<Walk>(std::views::all(std::forward<Range>(elements)));
    return [walk]() -> std::optional<Payload> {
      if (walk->at == std::ranges::end(walk->view)) return std::nullopt;
      std::optional<Payload> element{std::in_place, *walk->at};
      ++walk->at;
      return element;
    };
  }

  std::shared_ptr<client::PoolState> state_;
};

}  // namespace reeve
