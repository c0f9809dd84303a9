// Client: a program that submits, puts, gets, waits and cancels, and repeats what was not answered when its
// connection comes back, as the client library does. From queue "held" it takes values as Python programs do with
// ack = "task_done": a value is its own when it says so.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/master.h"
#include "tests/sim/network.h"

namespace reeve::sim {

class Client {
 public:
  struct Value {
    TaskId id;
    std::string text;
  };

  Client(std::string name, Clockwork& clock, Story& story, History& history, Master& master);

  Process& process() { return process_; }
  Connection::Weather& weather() { return weather_; }
  const std::string& key() const { return name_; }
  void start();
  void cut();
  void make_no_more() { makes_ = false; }  // from now on it takes values out, and waits
  std::size_t unanswered() const;          // of those that it repeats

  struct Cancel {
    JobId job;
    std::vector<std::uint32_t> indices;  // empty: all
  };
  Duration wait_max_of(std::uint64_t request) const;  // zero: for ever, or not at all
  std::optional<std::uint64_t> number_of(std::uint64_t request) const;
  bool is_put(std::uint64_t request) const;
  std::optional<Cancel> cancel_of(std::uint64_t request) const;

  // ---- what the master says
  void on_welcome(SessionId session);
  void on_submitted(std::uint64_t request, const Result<master::Accepted>& answer);
  void on_got(std::uint64_t request, const std::vector<Value>& values);
  void on_done(std::uint64_t request);
  void on_outcome(TaskId task, TaskState state);
  void on_error(std::uint64_t request, const Error& why);

 private:
  struct Request {
    std::uint64_t number = 0;  // of a submission or put; 0: neither
    std::string queue{};       // of a get, put or join
    std::optional<master::Submission> submission{};
    std::optional<master::PutValues> values{};
    std::optional<Cancel> cancel{};
    bool join = false;
    Duration wait_max{};
    std::vector<std::string> done{};  // values for which this is the task_done
    // What was taken with them, and is done when this was answered.
    std::vector<std::string> later{};
    // What is joined once everything was taken is answered for certain.
    bool repeats() const { return number > 0 || cancel || (join && queue == "held"); }
  };

  void connect();
  void lost();
  void act();
  void submit();
  void put();
  void get();
  void join();
  void cancel();
  void cancel(Cancel what);
  void finish(const std::string& queue, const std::vector<Value>& values);
  void task_done(const std::string& queue, std::vector<std::string> texts, std::vector<std::string> later);
  void task_done_later(const std::string& queue, const std::vector<std::string>& texts);
  bool gives_up(const Request& request, const Error& why);
  void ask(Request request);
  void send(std::uint64_t id, const Request& request);
  void say(const std::function<void(Master&, SessionId)>& what);
  std::uint64_t settled() const;

  const std::string name_;
  Clockwork& clock_;
  Story& story_;
  History& history_;
  Master& master_;
  Process process_;
  Connection::Weather weather_;
  bool makes_ = true;

  ConnectionPtr connection_;
  SessionId session_;  // none: not welcomed
  std::map<std::uint64_t, Request> requests_;
  std::uint64_t next_request_ = 1, next_number_ = 1, next_value_ = 1;
  std::vector<JobId> jobs_;
};

}  // namespace reeve::sim
