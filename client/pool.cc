#include "reeve/pool.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "client/core/info.h"
#include "client/core/pool_state.h"

namespace reeve {

// ---------------------------------------------------------------- Future

bool Future::ready() const { return slot_->ready(); }

bool Future::wait_for(Duration timeout) const {
  core_->await(slot_, timeout == forever ? client::never : client::deadline_after(timeout));
  return slot_->ready();
}

bool Future::successful() const {
  if (!ready()) throw_error({Errc::wrong_state, "the result is not there yet"});
  return slot_->error == Errc::ok && client::decode_state(slot_->bytes) == TaskState::succeeded;
}

Payload Future::get() const {
  wait();
  slot_->check();
  if (auto value = client::decode_value(slot_->bytes)) return std::move(*value);
  throw TaskFailed(slot_->job, slot_->index, client::decode_outcome(slot_->bytes));
}

Payload Future::get(Duration timeout) const {
  if (!wait_for(timeout)) throw_error({Errc::timed_out, "the result did not come in time"});
  return get();
}

Outcome Future::outcome() const {
  wait();
  slot_->check();
  return client::decode_outcome(slot_->bytes);
}

TaskName Future::task() const {
  if (!ready()) return {};
  return {slot_->job, slot_->index};
}

// ---------------------------------------------------------------- MapFuture

bool MapFuture::ready() const {
  return std::ranges::all_of(parts_, [](const Future& part) { return part.ready(); });
}

bool MapFuture::wait_for(Duration timeout) const {
  const TimePoint deadline = client::deadline_after(timeout);
  for (const Future& part : parts_) {
    if (part.ready()) continue;
    const Duration left = deadline == client::never ? forever : std::max(deadline - mono_now(), Duration{0});
    if (!part.wait_for(left)) return false;
  }
  return true;
}

bool MapFuture::successful() const {
  return std::ranges::all_of(parts_, [](const Future& part) { return part.successful(); });
}

std::vector<Payload> MapFuture::get() const {
  wait();
  std::vector<Payload> values;
  values.reserve(parts_.size());
  for (const Future& part : parts_) values.push_back(part.get());
  return values;
}

// ---------------------------------------------------------------- Pool

namespace {

std::unique_ptr<client::Slot::Hook> hook_for(const std::shared_ptr<client::Core>& core, Callback callback) {
  if (!callback) return nullptr;
  return std::make_unique<client::Slot::Hook>(
      [core, callback = std::move(callback)](const client::SlotPtr& slot) { callback(Future{core, slot}); });
}

}  // namespace

Pool& Pool::operator=(Pool&& other) noexcept {
  if (state_) close();
  state_ = std::move(other.state_);
  return *this;
}

Pool::~Pool() {
  if (state_) close();
}

Future Pool::apply_async(std::string_view function, Payload payload, Callback callback) {
  return {state_->core, state_->add(function, payload, hook_for(state_->core, std::move(callback)))};
}

Future Pool::apply_async(const TaskSpec& spec, std::string payload, Callback callback) {
  return {state_->core, state_->add(spec, payload, hook_for(state_->core, std::move(callback)))};
}

Future Pool::apply_last(const TaskSpec& spec, std::string payload) {
  return {state_->core, state_->add(spec, payload, nullptr, true)};
}

void Pool::check_may_wait() const { state_->core->check_may_wait(); }

void Pool::close() {
  client::Loop::Lock lock(state_->core->loop().mutex());
  state_->close(lock);
}

void Pool::leave() {
  check_may_wait();
  state_->leave();
}

void Pool::join(Duration timeout) { state_->join(timeout); }

std::uint64_t Pool::job() const { return state_->job; }

// ---------------------------------------------------------------- imap

struct ResultStream::State {
  std::shared_ptr<client::PoolState> pool;
  std::string function;
  PayloadSource elements;
  bool ordered = true;
  bool exhausted = false;
  std::deque<Future> under_way;  // ordered: by element
  std::size_t unfinished = 0;    // unordered: without a result that was read

  // Unordered results, in the order in which they came; filled by the driver, guarded by the loop's mutex.
  struct Arrived {
    std::deque<client::SlotPtr> slots;
  };
  std::shared_ptr<Arrived> arrived = std::make_shared<Arrived>();

  // Keeps `window` elements under way; in larger steps, so that they travel together.
  void refill() {
    const std::size_t now = ordered ? under_way.size() : unfinished;
    if (exhausted || now > pool->window - pool->window / 8) return;
    for (std::size_t i = now; i < pool->window && !exhausted; ++i) submit_one();
  }

  void submit_one() {
    auto element = elements();
    if (!element) {
      exhausted = true;
      return;
    }
    if (ordered) {
      under_way.push_back({pool->core, pool->add(function, *element, nullptr)});
      return;
    }
    auto hook = std::make_unique<client::Slot::Hook>(
        [core = pool->core.get(), to = arrived](const client::SlotPtr& slot) {
          {
            const client::Loop::Lock lock(core->loop().mutex());
            to->slots.push_back(slot);
          }
          core->loop().notify(to.get());
        });
    pool->add(function, *element, std::move(hook));
    ++unfinished;
  }

  std::optional<Future> next_ordered() {
    if (under_way.empty()) return std::nullopt;
    Future first = std::move(under_way.front());
    under_way.pop_front();
    first.wait();
    return first;
  }

  std::optional<Future> next_arrived() {
    if (unfinished == 0) return std::nullopt;
    client::Loop::Lock lock(pool->core->loop().mutex());
    pool->core->loop().wait(lock, arrived.get(), client::never, [this] { return !arrived->slots.empty(); });
    Future first{pool->core, std::move(arrived->slots.front())};
    arrived->slots.pop_front();
    --unfinished;
    return first;
  }
};

ResultStream::ResultStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
ResultStream::ResultStream(ResultStream&&) noexcept = default;
ResultStream& ResultStream::operator=(ResultStream&&) noexcept = default;
ResultStream::~ResultStream() = default;

std::optional<Future> ResultStream::next() {
  state_->pool->core->check_may_wait();
  state_->refill();
  return state_->ordered ? state_->next_ordered() : state_->next_arrived();
}

ResultStream Pool::stream(std::string_view function, PayloadSource elements, bool ordered) {
  auto state = std::make_unique<ResultStream::State>();
  state->pool = state_;
  state->function = function;
  state->elements = std::move(elements);
  state->ordered = ordered;
  return ResultStream{std::move(state)};
}

}  // namespace reeve
