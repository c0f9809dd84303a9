// Whatever peers say, the Broker's invariants hold.
#include <gtest/gtest.h>

#include <cstdlib>
#include <list>
#include <random>

#include "tests/fakes/master_in_process.h"
#include "tests/fakes/random_frames.h"
#include "tests/fakes/wire_peer.h"

namespace reeve::fakes {
namespace {

// Several peers of both kinds at once, so that submissions, grants, results and lost connections meet.
class RandomPeers {
 public:
  RandomPeers(const Endpoint& master, std::mt19937_64& random) : master_(master), random_(random) {}

  void step() {
    if (peers_.size() < 6 || below(10) == 0) join();
    auto peer = std::next(peers_.begin(), static_cast<std::ptrdiff_t>(below(peers_.size())));
    if (below(12) == 0) {
      peers_.erase(peer);
      return;
    }
    std::string bytes;
    for (std::uint64_t frames = 1 + below(20); frames > 0; --frames) {
      if (below(40) == 0)
        append_random_frame(bytes, peer->worker ? pick(worker_frame_types) : pick(client_frame_types),
                            random_);
      else
        append_plausible(bytes, peer->worker ? pick(worker_frame_types) : pick(client_frame_types));
    }
    peer->wire->send_bytes(bytes);
    if (peer->worker) answer_grants(*peer->wire);
  }

 private:
  struct Peer {
    std::unique_ptr<WirePeer> wire;
    bool worker;
  };
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  template <std::size_t Size>
  int pick(const std::array<int, Size>& types) {
    return types[below(Size)];
  }
  // A message that makes sense in itself, about one of a few queues, jobs and tasks, which may exist or not.
  void append_plausible(std::string& out, int type) {
    const google::protobuf::Message* prototype = nullptr;
    switch (static_cast<FrameType>(type)) {
      case FrameType::submit:
        prototype = &wire::Submit::default_instance();
        break;
      case FrameType::close_job:
        prototype = &wire::CloseJob::default_instance();
        break;
      case FrameType::put:
        prototype = &wire::Put::default_instance();
        break;
      case FrameType::get:
        prototype = &wire::Get::default_instance();
        break;
      case FrameType::took:
        prototype = &wire::Took::default_instance();
        break;
      case FrameType::task_done:
        prototype = &wire::TaskDone::default_instance();
        break;
      case FrameType::join:
        prototype = &wire::Join::default_instance();
        break;
      case FrameType::queue_create:
        prototype = &wire::QueueCreate::default_instance();
        break;
      case FrameType::queue_list:
        prototype = &wire::QueueList::default_instance();
        break;
      case FrameType::queue_control:
        prototype = &wire::QueueControl::default_instance();
        break;
      case FrameType::job_list:
        prototype = &wire::JobList::default_instance();
        break;
      case FrameType::task_list:
        prototype = &wire::TaskList::default_instance();
        break;
      case FrameType::watch:
        prototype = &wire::Watch::default_instance();
        break;
      case FrameType::fetched:
        prototype = &wire::Fetched::default_instance();
        break;
      case FrameType::cancel:
        prototype = &wire::Cancel::default_instance();
        break;
      case FrameType::retry:
        prototype = &wire::Retry::default_instance();
        break;
      case FrameType::forget:
        prototype = &wire::Forget::default_instance();
        break;
      case FrameType::worker_list:
        prototype = &wire::WorkerList::default_instance();
        break;
      case FrameType::worker_control:
        prototype = &wire::WorkerControl::default_instance();
        break;
      case FrameType::status:
        prototype = &wire::Status::default_instance();
        break;
      case FrameType::capacity:
        prototype = &wire::Capacity::default_instance();
        break;
      case FrameType::complete:
        prototype = &wire::Complete::default_instance();
        break;
      case FrameType::returned:
        prototype = &wire::Returned::default_instance();
        break;
      default:
        prototype = &wire::Heartbeat::default_instance();
        break;
    }
    const std::unique_ptr<google::protobuf::Message> message{prototype->New()};
    fill(*message);
    append_frame(out, static_cast<FrameType>(type), *message);
  }

  void fill(google::protobuf::Message& message) {
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      const std::string& name = field->name();
      if (field->is_repeated()) {
        for (std::uint64_t more = 1 + below(4); more > 0; --more) add(message, *field);
      } else if (name == "function" || name == "queue" || name == "spec" || below(2) == 0) {
        if (name != "command" || below(4) == 0) set(message, *field);
      }
    }
  }
  void set(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field) {
    using Field = google::protobuf::FieldDescriptor;
    const auto* reflection = message.GetReflection();
    switch (field.cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        return fill(*reflection->MutableMessage(&message, &field));
      case Field::CPPTYPE_STRING:
        return reflection->SetString(&message, &field, text(field.name()));
      case Field::CPPTYPE_BOOL:
        return reflection->SetBool(&message, &field, below(3) == 0);
      case Field::CPPTYPE_ENUM:
        return reflection->SetEnumValue(&message, &field, static_cast<int>(below(7)));
      case Field::CPPTYPE_UINT32:
        return reflection->SetUInt32(&message, &field, static_cast<std::uint32_t>(number(field.name())));
      case Field::CPPTYPE_UINT64:
        return reflection->SetUInt64(&message, &field, number(field.name()));
      case Field::CPPTYPE_INT32:
        return reflection->SetInt32(&message, &field, static_cast<std::int32_t>(below(5)) - 2);
      default:
        return;
    }
  }
  void add(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field) {
    using Field = google::protobuf::FieldDescriptor;
    const auto* reflection = message.GetReflection();
    switch (field.cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        return fill(*reflection->AddMessage(&message, &field));
      case Field::CPPTYPE_STRING:
        return reflection->AddString(&message, &field, text(field.name()));
      case Field::CPPTYPE_ENUM:
        return reflection->AddEnumValue(&message, &field, static_cast<int>(below(7)));
      case Field::CPPTYPE_UINT32:
        return reflection->AddUInt32(&message, &field, static_cast<std::uint32_t>(number(field.name())));
      case Field::CPPTYPE_UINT64:
        return reflection->AddUInt64(&message, &field, number(field.name()));
      default:
        return;
    }
  }
  std::string text(std::string_view field) {
    if (field == "function") return "f";
    if (field == "queue" || field == "result_queue") return std::string(1, static_cast<char>('p' + below(4)));
    return std::string(below(4), 'x');
  }
  std::uint64_t number(std::string_view field) {
    if (below(40) == 0) return random_();
    if (field.ends_with("_us")) return below(30'000);
    if (field == "submission" || field == "settled") return below(100);
    if (field == "job" || field == "jobs" || field == "after") return below(40);
    return below(6);
  }

  void join() {
    if (peers_.size() >= 12) peers_.pop_front();
    auto& peer = peers_.emplace_back(Peer{std::make_unique<WirePeer>(master_), below(2) == 0});
    const char key = static_cast<char>('a' + below(4));
    if (peer.worker)
      peer.wire->join_as_worker(MasterInProcess::authkey, static_cast<std::uint32_t>(below(5)), key);
    else
      peer.wire->join_as_client(MasterInProcess::authkey, key);
  }
  // A worker that also does its work, so that tasks get through all their states.
  void answer_grants(WirePeer& peer) {
    while (peer.wait_readable(1)) {
      const auto frame = peer.receive();
      if (!frame) return;
      wire::Grant grant;
      if (frame->type != FrameType::grant || !grant.ParseFromString(frame->body)) continue;
      wire::Complete complete;
      complete.set_batch(++batch_);
      for (const auto& task : grant.tasks()) {
        auto& finished = *complete.add_attempts();
        finished.mutable_fence()->set_epoch(grant.epoch());
        finished.mutable_fence()->set_job(task.job());
        finished.mutable_fence()->set_index(task.index());
        finished.mutable_fence()->set_attempt(task.attempt());
        finished.mutable_outcome()->set_state(static_cast<wire::TaskState>(below(7)));
      }
      peer.send(FrameType::complete, complete);
    }
  }

  Endpoint master_;
  std::mt19937_64& random_;
  std::list<Peer> peers_;
  std::uint64_t batch_ = 0;
};

TEST(RandomFramesTest, NoMessagesOfAnyPeersBreakTheBroker) {
  const char* const given = std::getenv("REEVE_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::fprintf(stderr, "seed %llu (REEVE_TEST_SEED)\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random{seed};
  master::Limits limits;
  limits.chunk_tasks_max = 3;
  limits.results_max = 50;
  limits.jobs_max = 50;
  limits.queues_max = 10;
  limits.tasks_max = 500;
  limits.lease = std::chrono::milliseconds{200};
  limits.retry_backoff = {.first = std::chrono::milliseconds{1}, .max = std::chrono::milliseconds{20}};
  limits.retention_interval = std::chrono::milliseconds{10};
  limits.client_grace = std::chrono::milliseconds{20};
  MasterInProcess master{limits};
  RandomPeers peers{master.address(), random};
  for (int step = 0; step < 600 && !testing::Test::HasFailure(); ++step) {
    peers.step();
    if (step % 5 == 0) master.check_invariants();
  }
}

}  // namespace
}  // namespace reeve::fakes
