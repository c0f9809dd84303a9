#include "master/managers/server.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/app/log.h"

namespace reeve::master::managers {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t scratch_bytes = 256u << 10;
constexpr int accepted_in_a_row_max = 64;

}  // namespace

class ManagersServer::Work {
 public:
  explicit Work(ManagersServer& server) : server_(server) { ++server_.at_work_; }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    if (server_.at_work_ == 1) {
      server_.report_left();
      server_.arm_timer();
    }
    --server_.at_work_;
  }

 private:
  ManagersServer& server_;
};

ManagersServer::ManagersServer(asio::io_context& io, NativeServer& native, std::string_view authkey,
                               Options options, std::function<void()> shut_down)
    : io_(io),
      native_(native),
      options_(std::move(options)),
      signer_(authkey),
      shut_down_(std::move(shut_down)),
      acceptor_(io),
      pause_(io),
      sweep_timer_(io),
      timer_(io),
      scratch_(scratch_bytes),
      manager_(native.broker(), options_, *this) {
  native_.turn().attach(*this);
}

ManagersServer::~ManagersServer() {
  native_.turn().detach_guests();
  for (const auto& [id, session] : sessions_) session->abandon();
  for (const auto& session : strangers_) session->abandon();
}

// ---- connections

Result<void> ManagersServer::listen() {
  const Endpoint& endpoint = options_.listen;
  error_code error;
  tcp::resolver resolver{io_};
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (!error && !found.empty()) {
    const tcp::endpoint where = found.begin()->endpoint();
    acceptor_.open(where.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor_.bind(where, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error)
    return fail(Errc::unavailable,
                "cannot listen for Python programs on {}: {}; choose another place with --managers-listen "
                "HOST:PORT, or 'off' for none",
                to_string(endpoint), error.message());
  acceptor_.non_blocking(true);
  accept();
  sweep();
  return {};
}

Endpoint ManagersServer::address() const {
  error_code ignored;
  const auto where = acceptor_.local_endpoint(ignored);
  return {where.address().to_string(), where.port()};
}

Result<void> ManagersServer::declare(std::span<const ObjectDeclaration> declared,
                                     std::span<const Recovered::Object> stored) {
  const auto remarks = manager_.declare(declared, stored, native_.turn());
  if (!remarks) return fail(remarks.error());
  for (const std::string& remark : *remarks) log::info("{}", remark);
  return {};
}

void ManagersServer::stop_listening() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  sweep_timer_.cancel();
  timer_.cancel();
}

void ManagersServer::accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (acceptor_.is_open()) accepted(error, std::move(socket));
  });
}

// Connections come in bursts: each proxy that a program makes is three of them.
void ManagersServer::accepted(const error_code& first, tcp::socket socket) {
  error_code error = first;
  for (int i = 0; !error && i < accepted_in_a_row_max; ++i) {
    admit(std::move(socket));
    socket = acceptor_.accept(error);
  }
  const bool exhausted = error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
                         error == asio::error::no_memory;
  if (!exhausted) return accept();
  log::warn("cannot accept connections of Python programs: {}", error.message());
  pause_.expires_after(std::chrono::milliseconds{100});
  pause_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) accept();
  });
}

void ManagersServer::admit(tcp::socket socket) {
  const Work work{*this};
  if (sessions_.size() + strangers_.size() >= options_.connections_max) {
    native_.count_refusal({Errc::limit_reached, fmt::format("there are {} connections of Python programs "
                                                            "(managers-connections-max)",
                                                            sessions_.size() + strangers_.size())},
                          "");
    return;  // closes it
  }
  if (strangers_.size() >= options_.unauthenticated_max) {
    const auto oldest = strangers_.front();
    oldest->end({Errc::limit_reached, fmt::format("more than {} connections that have not shown the authkey "
                                                  "(managers-unauthenticated-max): the oldest was closed",
                                                  options_.unauthenticated_max)});
  }
  const auto session = std::make_shared<Session>(*this, native_.new_session_id(), std::move(socket));
  session->place = strangers_.insert(strangers_.end(), session);
  session->start();
}

// Strangers do not stay.
void ManagersServer::sweep() {
  const Work work{*this};
  const TimePoint limit = mono_now() - std::chrono::duration_cast<Duration>(options_.handshake_deadline);
  while (!strangers_.empty() && strangers_.front()->since() < limit) {
    const auto oldest = strangers_.front();
    oldest->end({Errc::timed_out, "did not finish the handshake in time"});
  }
  sweep_timer_.expires_after(std::chrono::milliseconds{500});
  sweep_timer_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) sweep();
  });
}

std::shared_ptr<Session> ManagersServer::session(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

// ---- for sessions

void ManagersServer::known(Session& session) {
  sessions_.emplace(session.id(), *session.place);
  strangers_.erase(session.place);
  session.place = {};
}

void ManagersServer::request(Session& session, std::string_view message) {
  const Work work{*this};
  if (manager_.request(session.id(), message, native_.now(), native_.turn())) native_.turn_soon();
}

void ManagersServer::answered(Session& session) {
  const Work work{*this};
  if (manager_.answered(session.id(), native_.now(), native_.turn())) native_.turn_soon();
}

void ManagersServer::ended(Session& session, const Error& why) {
  if (sessions_.erase(session.id()) == 0) {
    strangers_.erase(session.place);
    if (why.code != Errc::unavailable) native_.count_refusal(why, "a Python program");
    return;
  }
  if (why.code == Errc::protocol_error || why.code == Errc::too_large)
    native_.count_refusal(why, "a Python program");
  left_.push_back(session.id());
  if (at_work_ == 0) const Work work{*this};
}

void ManagersServer::report_left() {
  while (!left_.empty()) {
    for (const SessionId id : std::exchange(left_, {}))
      if (manager_.left(id, native_.now(), native_.turn())) native_.turn_soon();
  }
}

void ManagersServer::arm_timer() {
  const auto wake = manager_.wake_at();
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

void ManagersServer::reply(SessionId to, std::string_view payload, Leaves leaves, bool woken) {
  if (leaves == Leaves::now) return send(to, payload, woken);
  staged_.push_back({.to = to, .ticket = 0, .woken = woken, .payload = std::string{payload}});
  native_.turn_soon();
}

void ManagersServer::send(SessionId to, std::string_view payload, bool woken) {
  const auto receiver = session(to);
  if (receiver == nullptr) return;
  if (woken && receiver->at_end()) return receiver->end({Errc::unavailable, "the client is gone"});
  receiver->answer(payload);
}

void ManagersServer::close_after_reply(SessionId to) {
  if (const auto receiver = session(to)) receiver->close_after_answer();
}

void ManagersServer::shut_down() { shut_down_(); }

// ---- Guests

void ManagersServer::submitted(SessionId to, std::uint64_t request, const Result<Accepted>& answer) {
  const Work work{*this};
  manager_.submitted(to, request, answer);
}

void ManagersServer::got(SessionId to, std::uint64_t request,
                         const Result<std::span<const ItemView>>& answer) {
  const Work work{*this};
  manager_.got(to, request, answer);
}

void ManagersServer::done(SessionId to, std::uint64_t request, const Result<std::uint64_t>& answer) {
  const Work work{*this};
  manager_.done(to, request, answer);
}

void ManagersServer::end_of_turn(Ticket ticket, Ticket committed_so_far) {
  for (Held& held : std::exchange(staged_, {})) {
    held.ticket = ticket;
    held_.push_back(std::move(held));
  }
  committed(committed_so_far);
}

void ManagersServer::committed(Ticket committed) {
  const Work work{*this};
  while (!held_.empty() && held_.front().ticket <= committed) {
    const Held held = std::move(held_.front());
    held_.pop_front();
    send(held.to, held.payload, held.woken);
  }
}

// Nobody may take an answer for granted that waits, so there is none: the connection ends.
void ManagersServer::commit_failed(const Error& why) {
  const Work work{*this};
  for (const Held& held : std::exchange(held_, {}))
    if (const auto waiting = session(held.to)) waiting->end(why);
}

}  // namespace reeve::master::managers
