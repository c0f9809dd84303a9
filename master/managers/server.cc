#include "master/managers/server.h"

#include <algorithm>
#include <utility>

#include "common/app/log.h"
#include "common/net/socket_options.h"
#include "master/managers/python_proof.h"

namespace reeve::master::managers {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t scratch_bytes = 256u << 10;

// Its signer is the doorway's: nobody else computes a MAC.
Listener::Dialect dialect(std::string_view authkey, const Options& options) {
  return {
      .proof = [signer = std::make_shared<const Signer>(authkey),
                md5 = options.admits_legacy_md5()]() { return std::make_unique<PythonProof>(*signer, md5); },
      .setting_prefix = "managers-",
      .stranger = "a Python program"};
}

Listener::Limits limits(const Options& options) {
  return {.unauthenticated_max = options.unauthenticated_max,
          .handshake_deadline = options.handshake_deadline,
          .connections_max = options.connections_max};
}

}  // namespace

class ManagersServer::Work {
 public:
  enum class For : std::uint8_t { session, broker };
  explicit Work(ManagersServer& server, For whom = For::session) : server_(server), for_(whom) {
    ++server_.at_work_;
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    if (server_.at_work_ == 1) {
      if (for_ != For::broker) server_.report_left();
      server_.arm_timer();
    }
    --server_.at_work_;
  }

 private:
  ManagersServer& server_;
  For for_;
};

ManagersServer::ManagersServer(asio::io_context& io, NativeServer& native, std::string_view authkey,
                               Options options, std::function<void()> shut_down)
    : native_(native),
      options_(std::move(options)),
      shut_down_(std::move(shut_down)),
      listener_(native.doorway(), io, native.refusals(), dialect(authkey, options_), limits(options_),
                [this](Arrival arrival) { welcome(std::move(arrival)); }),
      timer_(io),
      scratch_(scratch_bytes),
      manager_(native.broker(), options_, *this) {
  native_.turn().attach(*this);
}

ManagersServer::~ManagersServer() {
  listener_.close();
  native_.turn().detach_guests();
  for (const auto& [id, session] : sessions_) session->abandon();
}

// ---- connections

Result<void> ManagersServer::listen() {
  if (auto listening = listener_.listen(options_.listen); !listening)
    return fail(listening.error().code,
                "cannot listen for Python programs on {}; choose another place with --managers-listen "
                "HOST:PORT, or 'off' for none",
                listening.error().detail);
  return {};
}

Result<void> ManagersServer::declare(std::span<const ObjectDeclaration> declared,
                                     std::span<const Recovered::Object> stored) {
  const auto remarks = manager_.declare(declared, stored, native_.turn());
  if (!remarks) return fail(remarks.error());
  for (const std::string& remark : *remarks) log::info("{}", remark);
  return {};
}

void ManagersServer::stop_listening() {
  listener_.close();
  timer_.cancel();
}

std::string ManagersServer::what_ends() const {
  const std::size_t nameless = manager_.nameless_objects();
  if (sessions_.empty() && nameless == 0) return "";
  return fmt::format(
      "connections of Python programs that are closed: {}; objects without a name that go with this process: "
      "{}",
      sessions_.size(), nameless);
}

void ManagersServer::welcome(Arrival arrival) {
  bound_silence(arrival.socket.native_handle(), native_.silence_max());
  const auto session = std::make_shared<Session>(*this, native_.new_session_id(), std::move(arrival.socket),
                                                 std::move(arrival.place));
  sessions_.emplace(session->id(), session);
  session->start(arrival.early);
}

std::shared_ptr<Session> ManagersServer::session(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

// ---- for sessions

void ManagersServer::request(Session& session, std::string_view message) {
  const Work work{*this};
  if (manager_.request(session.id(), message, native_.now(), native_.turn())) native_.turn_soon();
}

void ManagersServer::answered(Session& session) {
  const Work work{*this};
  if (manager_.answered(session.id(), native_.now(), native_.turn())) native_.turn_soon();
}

void ManagersServer::ended(Session& session, const Error& why) {
  sessions_.erase(session.id());
  if (why.code == Errc::protocol_error || why.code == Errc::too_large)
    native_.count_refusal(why, "a Python program");
  left_.push_back(session.id());
  if (at_work_ == 0) const Work work{*this};
}

void ManagersServer::buffered(std::size_t before, std::size_t now) {
  buffered_bytes_ = buffered_bytes_ - before + now;
  if (now > before && buffered_bytes_ > options_.buffered_max_bytes) end_largest();
}

void ManagersServer::end_largest() {
  const auto largest = std::ranges::max_element(
      sessions_, {}, [](const auto& entry) { return entry.second->buffered_bytes(); });
  if (largest == sessions_.end()) return;
  const std::shared_ptr<Session> session = largest->second;
  session->end({Errc::too_large,
                fmt::format("calls and answers that wait take {} bytes, managers-buffered-max-bytes is {}; "
                            "the connection that held most of it, {} bytes, is closed",
                            buffered_bytes_, options_.buffered_max_bytes, session->buffered_bytes())});
}

void ManagersServer::report_left() {
  while (!left_.empty()) {
    for (const SessionId id : std::exchange(left_, {}))
      if (manager_.left(id, native_.now(), native_.turn())) native_.turn_soon();
  }
}

void ManagersServer::arm_timer() {
  const auto wake = left_.empty() ? manager_.wake_at() : TimePoint{};
  if (!wake || *wake >= timer_at_) return;
  timer_at_ = *wake;
  timer_.expires_at(*wake);
  timer_.async_wait([this](const error_code& cancelled) {
    if (cancelled) return;  // armed anew for an earlier time, or the end
    timer_at_ = TimePoint::max();
    const Work work{*this};
    if (manager_.tick(native_.now(), native_.turn())) native_.turn_soon();
  });
}

// ---- answers

void ManagersServer::reply(SessionId to, std::string_view payload, Leaves leaves, bool precious) {
  const auto receiver = session(to);
  if (receiver == nullptr) return;
  if (leaves == Leaves::now) return send(*receiver, payload, precious);
  receiver->hold(payload);
  staged_.push_back({.to = to, .ticket = 0, .precious = precious});
  native_.turn_soon();
}

void ManagersServer::send(Session& to, std::string_view payload, bool precious) {
  if (precious && to.at_end()) return to.end({Errc::unavailable, "the client is gone"});
  to.answer(payload);
}

void ManagersServer::close_after_reply(SessionId to) {
  if (const auto receiver = session(to)) receiver->close_after_answer();
}

void ManagersServer::shut_down() { shut_down_(); }
void ManagersServer::warn(std::string_view text) { log::warn("{}", text); }

// ---- Guests

void ManagersServer::submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) {
  const Work work{*this, Work::For::broker};
  manager_.submitted(to, request, answer);
}

void ManagersServer::got(SessionId to, std::uint64_t request,
                         const Result<std::span<const ItemView>>& answer) {
  const Work work{*this, Work::For::broker};
  manager_.got(to, request, answer);
}

void ManagersServer::done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) {
  const Work work{*this, Work::For::broker};
  manager_.done(to, request, answer);
}

void ManagersServer::end_of_turn(Ticket ticket, Ticket committed_so_far) {
  for (Held& held : std::exchange(staged_, {})) {
    held.ticket = ticket;
    held_.push_back(held);
  }
  committed(committed_so_far);
}

void ManagersServer::committed(Ticket committed) {
  const Work work{*this};
  while (!held_.empty() && held_.front().ticket <= committed) {
    const Held held = held_.front();
    held_.pop_front();
    if (const auto receiver = session(held.to)) send(*receiver, receiver->take_held(), held.precious);
  }
}

void ManagersServer::describe(const Counter& add) const {
  add("python_connections", sessions_.size());
  add("python_buffered_bytes", buffered_bytes_);
  add("python_objects", manager_.objects());
  add("python_object_bytes", manager_.object_bytes());
}

// Nobody may take an answer for granted that waits, so there is none: the connection ends.
void ManagersServer::commit_failed(const Error& why) {
  const Work work{*this};
  for (const Held& held : std::exchange(held_, {}))
    if (const auto waiting = session(held.to)) waiting->end(why);
}

}  // namespace reeve::master::managers
