// What proto/README.md promises is what the code does: the bytes of its exchange, and its tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "common/net/frame.h"
#include "common/net/handshake.h"
#include "proto/reeve.pb.h"

namespace reeve {
namespace {

using testing::HasSubstr;

std::string specification() {
  std::ostringstream text;
  text << std::ifstream{REEVE_SOURCE_DIR "/proto/README.md"}.rdbuf();
  return text.str();
}

Nonce nonce_from(unsigned char first) {
  Nonce nonce;
  std::iota(nonce.begin(), nonce.end(), first);
  return nonce;
}

// The exchange as the specification writes it: who says what, then the bytes.
class Transcript {
 public:
  void say(std::string_view line, std::string_view bytes) {
    if (!text_.empty()) text_ += '\n';
    text_ += line;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      text_ += fmt::format("{}{:02x}", i % 32 == 0 ? "\n    " : " ", static_cast<unsigned char>(bytes[i]));
    text_ += '\n';
  }
  void say(std::string_view line, FrameType type, const google::protobuf::MessageLite& message) {
    std::string bytes;
    append_frame(bytes, type, message);
    say(line, bytes);
  }
  void shake_hands(std::string_view peer, Role role, Nonce nonce) {
    constexpr std::string_view key = "correct horse battery";
    ClientHandshake client{key, role, nonce};
    ServerHandshake master{key, nonce_from(0x20)};
    const auto step = [&](bool to_master, int number, const std::string& bytes) {
      say(to_master ? fmt::format("{} → master    handshake {}", peer, number)
                    : fmt::format("master → {}    handshake {}", peer, number),
          bytes);
    };
    std::string hello, challenge, proof, verdict, nothing;
    client.start(hello);
    step(true, 1, hello);
    ASSERT_TRUE(master.feed(hello, challenge));
    step(false, 2, challenge);
    ASSERT_TRUE(client.feed(challenge, proof));
    step(true, 3, proof);
    ASSERT_TRUE(master.feed(proof, verdict));
    step(false, 4, verdict);
    ASSERT_TRUE(client.feed(verdict, nothing));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void client_submits(Transcript& exchange) {
  exchange.shake_hands("client", Role::client, nonce_from(0x00));
  wire::ClientHello hello;
  hello.set_client_key(std::string(16, 'c'));
  hello.set_program("example");
  exchange.say("client → master    ClientHello", FrameType::client_hello, hello);
  wire::ClientWelcome welcome;
  welcome.set_epoch(1);
  welcome.set_payload_max_bytes(16u << 20);
  welcome.set_batch_max(10'000);
  welcome.set_version("0.1.0");
  welcome.set_instance(0x2a);
  exchange.say("master → client    ClientWelcome: epoch 1, instance 42", FrameType::client_welcome, welcome);
  wire::Submit submit;
  submit.set_request(1);
  submit.set_submission(1);
  submit.set_watch(true);
  submit.mutable_spec()->set_function("square");
  submit.mutable_spec()->set_encoding(wire::JSON);
  submit.add_payloads("7");
  exchange.say("client → master    Submit: square of 7, as JSON, watched", FrameType::submit, submit);
  wire::Submitted submitted;
  submitted.set_request(1);
  submitted.set_job(1);
  submitted.set_first(1);
  submitted.set_count(1);
  exchange.say("master → client    Submitted: task 1.1", FrameType::submitted, submitted);
}

void worker_runs_it(Transcript& exchange) {
  exchange.shake_hands("worker", Role::worker, nonce_from(0x40));
  wire::WorkerHello hello;
  hello.set_worker_key(std::string(16, 'w'));
  hello.set_name("box-1");
  hello.set_slots(1);
  hello.add_functions("square");
  exchange.say("worker → master    WorkerHello: one slot, knows square", FrameType::worker_hello, hello);
  wire::WorkerWelcome welcome;
  welcome.set_worker(1);
  welcome.set_epoch(1);
  welcome.set_lease_us(30'000'000);
  welcome.set_heartbeat_us(6'000'000);
  exchange.say("master → worker    WorkerWelcome: lease 30 s, heartbeat 6 s", FrameType::worker_welcome,
               welcome);
  wire::Capacity capacity;
  capacity.set_held_max(1);
  exchange.say("worker → master    Capacity: 1", FrameType::capacity, capacity);
  wire::Grant grant;
  grant.set_epoch(1);
  auto& definition = *grant.add_specs();
  definition.set_id(0);
  definition.mutable_spec()->set_queue("default");
  definition.mutable_spec()->set_function("square");
  definition.mutable_spec()->set_encoding(wire::JSON);
  auto& task = *grant.add_tasks();
  task.set_job(1);
  task.set_index(1);
  task.set_attempt(1);
  task.set_payload("7");
  exchange.say("master → worker    Grant: spec 0, and task 1.1 under it", FrameType::grant, grant);
  wire::Complete complete;
  complete.set_batch(1);
  auto& finished = *complete.add_attempts();
  finished.mutable_fence()->set_epoch(1);
  finished.mutable_fence()->set_job(1);
  finished.mutable_fence()->set_index(1);
  finished.mutable_fence()->set_attempt(1);
  finished.mutable_outcome()->set_state(wire::SUCCEEDED);
  finished.mutable_outcome()->set_encoding(wire::JSON);
  finished.mutable_outcome()->set_value("49");
  finished.mutable_outcome()->set_run_us(12);
  exchange.say("worker → master    Complete: batch 1, succeeded with 49", FrameType::complete, complete);
  wire::Completed completed;
  completed.set_batch(1);
  exchange.say("master → worker    Completed: batch 1 is on stable storage", FrameType::completed, completed);
}

void client_gets_the_outcome(Transcript& exchange) {
  wire::Outcomes outcomes;
  outcomes.set_job(1);
  auto& outcome = *outcomes.add_items();
  outcome.set_index(1);
  outcome.set_state(wire::SUCCEEDED);
  outcome.set_attempt(1);
  outcome.set_encoding(wire::JSON);
  outcome.set_value("49");
  outcome.set_run_us(12);
  outcome.set_worker("box-1");
  exchange.say("master → client    Outcomes: task 1.1", FrameType::outcomes, outcomes);
  wire::Fetched fetched;
  fetched.set_job(1);
  fetched.add_indices(1);
  exchange.say("client → master    Fetched: task 1.1", FrameType::fetched, fetched);
}

TEST(SpecificationTest, TheExchangeInBytesIsWhatTheCodeSends) {
  Transcript exchange;
  client_submits(exchange);
  worker_runs_it(exchange);
  client_gets_the_outcome(exchange);
  EXPECT_TRUE(specification().contains("```\n" + exchange.text() + "```\n"))
      << "The exchange in proto/README.md should read:\n"
      << exchange.text();
}

TEST(SpecificationTest, EveryErrorCodeIsInItsTable) {
  const std::string text = specification();
  for (std::uint32_t code = 0; name_of(static_cast<Errc>(code)) != "unknown"; ++code)
    EXPECT_THAT(text, HasSubstr(fmt::format("\n| {} | {} |", code, name_of(static_cast<Errc>(code)))));
}

// reeve.proto numbers each message in a comment, the code in FrameType, the specification in its table.
TEST(SpecificationTest, EveryMessageIsInItsTableUnderItsNumber) {
  const std::pair<FrameType, const google::protobuf::Message&> some[] = {
      {FrameType::client_hello, wire::ClientHello::default_instance()},
      {FrameType::client_welcome, wire::ClientWelcome::default_instance()},
      {FrameType::worker_hello, wire::WorkerHello::default_instance()},
      {FrameType::worker_welcome, wire::WorkerWelcome::default_instance()},
      {FrameType::refused, wire::Refused::default_instance()},
      {FrameType::submit, wire::Submit::default_instance()},
      {FrameType::submitted, wire::Submitted::default_instance()},
      {FrameType::close_job, wire::CloseJob::default_instance()},
      {FrameType::put, wire::Put::default_instance()},
      {FrameType::get, wire::Get::default_instance()},
      {FrameType::got, wire::Got::default_instance()},
      {FrameType::took, wire::Took::default_instance()},
      {FrameType::task_done, wire::TaskDone::default_instance()},
      {FrameType::join, wire::Join::default_instance()},
      {FrameType::queue_create, wire::QueueCreate::default_instance()},
      {FrameType::queue_list, wire::QueueList::default_instance()},
      {FrameType::queue_infos, wire::QueueInfos::default_instance()},
      {FrameType::queue_control, wire::QueueControl::default_instance()},
      {FrameType::done, wire::Done::default_instance()},
      {FrameType::job_list, wire::JobList::default_instance()},
      {FrameType::job_infos, wire::JobInfos::default_instance()},
      {FrameType::task_list, wire::TaskList::default_instance()},
      {FrameType::task_infos, wire::TaskInfos::default_instance()},
      {FrameType::watch, wire::Watch::default_instance()},
      {FrameType::job_changed, wire::JobChanged::default_instance()},
      {FrameType::outcomes, wire::Outcomes::default_instance()},
      {FrameType::lagging, wire::Lagging::default_instance()},
      {FrameType::fetched, wire::Fetched::default_instance()},
      {FrameType::cancel, wire::Cancel::default_instance()},
      {FrameType::retry, wire::Retry::default_instance()},
      {FrameType::forget, wire::Forget::default_instance()},
      {FrameType::worker_list, wire::WorkerList::default_instance()},
      {FrameType::worker_infos, wire::WorkerInfos::default_instance()},
      {FrameType::worker_control, wire::WorkerControl::default_instance()},
      {FrameType::status, wire::Status::default_instance()},
      {FrameType::status_info, wire::StatusInfo::default_instance()},
      {FrameType::backup, wire::Backup::default_instance()},
      {FrameType::backup_info, wire::BackupInfo::default_instance()},
      {FrameType::capacity, wire::Capacity::default_instance()},
      {FrameType::grant, wire::Grant::default_instance()},
      {FrameType::stop, wire::Stop::default_instance()},
      {FrameType::complete, wire::Complete::default_instance()},
      {FrameType::completed, wire::Completed::default_instance()},
      {FrameType::returned, wire::Returned::default_instance()},
      {FrameType::heartbeat, wire::Heartbeat::default_instance()},
      {FrameType::drain, wire::Drain::default_instance()},
      {FrameType::goodbye, wire::Goodbye::default_instance()},
  };
  const std::string text = specification();
  for (const auto& [type, message] : some)
    EXPECT_THAT(text, HasSubstr(fmt::format("\n| {} | {} |", static_cast<int>(type),
                                            message.GetDescriptor()->name())));
}

TEST(SpecificationTest, TheLimitsItNamesAreThoseOfTheCode) {
  EXPECT_THAT(specification(), HasSubstr(fmt::format("it is at most {} (64 MiB", frame_max_bytes_default)));
  EXPECT_THAT(specification(), HasSubstr(fmt::format("a string of at least {} bytes", authkey_bytes_min)));
}

}  // namespace
}  // namespace reeve
