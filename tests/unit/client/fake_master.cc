#include "tests/unit/client/fake_master.h"

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>

#include "common/base/assert.h"

namespace reeve::client {

namespace asio = boost::asio;
using asio::ip::tcp;

struct FakeMaster::Session final : ConnectionHandler {
  Session(FakeMaster& owner, int which) : master(owner), number(which) {}
  Result<void> on_frame(const Frame& frame) override {
    Received received{frame.type, std::string(frame.body), number};
    {
      const std::lock_guard lock(master.mutex_);
      master.received_.push_back(received);
    }
    if (frame.type == FrameType::client_hello) {
      if (master.welcomes) welcome();
    } else {
      master.handler_(master, received);
    }
    master.came_.notify_all();
    return {};
  }
  void welcome() {
    wire::ClientWelcome welcome;
    welcome.set_epoch(1);
    welcome.set_instance(master.instance);
    welcome.set_payload_max_bytes(1 << 20);
    welcome.set_batch_max(10'000);
    master.send(FrameType::client_welcome, welcome);
  }
  void on_closed(const Error&) override {
    if (master.session_.get() == this) master.connection_.reset();
  }
  FakeMaster& master;
  const int number;
};

FakeMaster::FakeMaster(Handler handler)
    : handler_(std::move(handler)), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
  port_ = acceptor_.local_endpoint().port();
  accept();
  thread_ = std::thread([this] { io_.run(); });
}

FakeMaster::~FakeMaster() {
  asio::post(io_, [this] {
    cut();
    acceptor_.close();
    io_.stop();
  });
  thread_.join();
}

void FakeMaster::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error) return;
    greet(std::move(socket));
    accept();
  });
}

// Blocking: there is one client, and it is well behaved.
void FakeMaster::greet(tcp::socket socket) {
  ServerHandshake handshake(fake_key, random_nonce());
  while (!handshake.done()) {
    std::string in(handshake.wants(), '\0');
    std::string out;
    boost::system::error_code error;
    asio::read(socket, asio::buffer(in), error);
    if (error) return;
    const auto fed = handshake.feed(in, out);
    asio::write(socket, asio::buffer(out), error);
    if (!fed || error) return;
  }
  cut();
  auto session = std::make_unique<Session>(*this, ++connections_);
  connection_ = std::make_shared<Connection>(std::move(socket), ConnectionLimits{});
  connection_->start(*session);
  session_ = std::move(session);
}

void FakeMaster::cut() {
  if (connection_) connection_->close();
  connection_.reset();
}

void FakeMaster::vanish() {
  acceptor_.close();
  cut();
}

void FakeMaster::run(const std::function<void(FakeMaster&)>& action) {
  std::promise<void> done;
  asio::post(io_, [&] {
    action(*this);
    done.set_value();
  });
  done.get_future().wait();
}

void FakeMaster::set_handler(Handler handler) {
  run([&](FakeMaster&) { handler_ = std::move(handler); });
}

void FakeMaster::wait_until(const std::function<bool(const std::vector<Received>&)>& enough) {
  std::unique_lock lock(mutex_);
  came_.wait(lock, [&] { return enough(received_); });
}

Received FakeMaster::wait_for(FrameType type, int connection) {
  Received found{};
  wait_until([&](const std::vector<Received>& frames) {
    for (const Received& frame : frames) {
      if (frame.type != type || (connection != 0 && frame.connection != connection)) continue;
      found = frame;
      return true;
    }
    return false;
  });
  return found;
}

std::vector<Received> FakeMaster::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::size_t FakeMaster::count(FrameType type) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(received_.begin(), received_.end(),
                                                [&](const Received& frame) { return frame.type == type; }));
}

// ---------------------------------------------------------------- Echo

void Echo::operator()(FakeMaster& master, const Received& frame) {
  switch (frame.type) {
    case FrameType::submit:
      return submit(master, frame.as<wire::Submit>());
    case FrameType::task_list:
      return list(master, frame.as<wire::TaskList>());
    case FrameType::fetched: {
      const auto message = frame.as<wire::Fetched>();
      for (const std::uint32_t index : message.indices()) jobs[message.job()].at(index - 1).fetched = true;
      return;
    }
    case FrameType::watch: {
      const auto message = frame.as<wire::Watch>();
      wire::JobChanged changed;
      changed.set_request(message.request());
      changed.mutable_job()->set_job(message.job());
      return master.send(FrameType::job_changed, changed);
    }
    case FrameType::close_job: {
      wire::Done done;
      done.set_request(frame.as<wire::CloseJob>().request());
      return master.send(FrameType::done, done);
    }
    default:
      return;
  }
}

void Echo::submit(FakeMaster& master, const wire::Submit& message) {
  if (const auto earlier = submissions.find(message.submission()); earlier != submissions.end()) {
    ++repeats;
    earlier->second.set_request(message.request());
    return master.send(FrameType::submitted, earlier->second);
  }
  const std::uint64_t job = message.job() != 0 ? message.job() : next_job++;
  auto& tasks = jobs[job];
  wire::Submitted answer;
  answer.set_request(message.request());
  answer.set_job(job);
  answer.set_first(static_cast<std::uint32_t>(tasks.size() + 1));
  answer.set_count(static_cast<std::uint32_t>(message.payloads_size()));
  wire::Outcomes outcomes;
  outcomes.set_job(job);
  for (const std::string& payload : message.payloads()) {
    Task task;
    task.outcome.set_index(static_cast<std::uint32_t>(tasks.size() + 1));
    task.outcome.set_state(wire::SUCCEEDED);
    task.outcome.set_encoding(message.spec().encoding());
    task.outcome.set_attempt(1);
    task.outcome.set_worker("fake");
    function(payload, task.outcome);
    *outcomes.add_items() = task.outcome;
    tasks.push_back(std::move(task));
  }
  submissions[message.submission()] = answer;
  if (answer_submits) master.send(FrameType::submitted, answer);
  if (push_outcomes) master.send(FrameType::outcomes, outcomes);
}

void Echo::list(FakeMaster& master, const wire::TaskList& message) {
  constexpr std::uint32_t page = 7;  // small, so that there are several
  const auto& tasks = jobs[message.job()];
  wire::TaskInfos answer;
  answer.set_request(message.request());
  answer.set_job(message.job());
  std::uint32_t index = std::max(message.first(), 1u);
  for (; index <= tasks.size() && answer.tasks_size() < static_cast<int>(page); ++index) {
    const Task& task = tasks[index - 1];
    if (task.fetched) continue;
    auto* info = answer.add_tasks();
    info->set_index(index);
    info->set_state(task.outcome.state());
    *info->mutable_outcome() = task.outcome;
  }
  answer.set_next(index <= tasks.size() ? index : 0);
  master.send(FrameType::task_infos, answer);
}

}  // namespace reeve::client
