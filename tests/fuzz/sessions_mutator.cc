// How inputs of the sessions target are varied: steps are repeated, dropped, swapped and invented, with messages that make
// sense in themselves, about few queues, jobs and tasks; and now and then any bytes.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proto/reeve.pb.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/session_steps.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace reeve;
using namespace reeve::fuzz;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Kind {
  std::uint8_t type;
  const Message* prototype;
};

const std::vector<Kind>& kinds(bool worker) {
  using namespace reeve::wire;
  static const std::vector<Kind> client{
      {1, &ClientHello::default_instance()},   {10, &Submit::default_instance()},
      {12, &CloseJob::default_instance()},     {13, &Put::default_instance()},
      {14, &Get::default_instance()},          {16, &Took::default_instance()},
      {17, &TaskDone::default_instance()},     {18, &Join::default_instance()},
      {19, &QueueCreate::default_instance()},  {20, &QueueList::default_instance()},
      {22, &QueueControl::default_instance()}, {30, &JobList::default_instance()},
      {32, &TaskList::default_instance()},     {34, &Watch::default_instance()},
      {38, &Fetched::default_instance()},      {39, &Cancel::default_instance()},
      {40, &Retry::default_instance()},        {41, &Forget::default_instance()},
      {50, &WorkerList::default_instance()},   {52, &WorkerControl::default_instance()},
      {53, &Status::default_instance()}};
  static const std::vector<Kind> of_workers{
      {3, &WorkerHello::default_instance()}, {60, &Capacity::default_instance()},
      {63, &Complete::default_instance()},   {65, &Returned::default_instance()},
      {66, &Heartbeat::default_instance()},  {68, &Goodbye::default_instance()}};
  return worker ? of_workers : client;
}

class Inventor {
 public:
  explicit Inventor(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t end) { return random_() % end; }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }

  SessionStep step() {
    SessionStep step;
    step.peer = below(session_peers);
    if (chance(15)) step.leaves = true;
    if (step.leaves) return step;
    step.raw = chance(20);
    const auto& of = kinds(is_worker(step.peer) != chance(30));
    const Kind& kind = of[below(of.size())];
    step.type = kind.type;
    const std::unique_ptr<Message> message{kind.prototype->New()};
    fill(*message, 0);
    step.body = message->SerializeAsString();
    return step;
  }

 private:
  void fill(Message& message, int depth) {
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor& field = *descriptor->field(i);
      const bool wanted = field.name() == "function" || field.name() == "queue" || field.name() == "spec";
      if (field.is_repeated()) {
        for (std::size_t more = below(4); more > 0; --more) set(message, field, depth);
      } else if (wanted || chance(2)) {
        set(message, field, depth);
      }
    }
  }
  // Sets it, or adds one more of it.
  void set(Message& message, const FieldDescriptor& field, int depth) {
    const auto* of = message.GetReflection();
    const bool more = field.is_repeated();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth > 3) return;
        return fill(more ? *of->AddMessage(&message, &field) : *of->MutableMessage(&message, &field),
                    depth + 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return more ? of->AddString(&message, &field, text(field))
                    : of->SetString(&message, &field, text(field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return more ? of->AddBool(&message, &field, chance(2)) : of->SetBool(&message, &field, chance(2));
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto value = static_cast<int>(below(8));
        return more ? of->AddEnumValue(&message, &field, value) : of->SetEnumValue(&message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto value = static_cast<std::int32_t>(number());
        return more ? of->AddInt32(&message, &field, value) : of->SetInt32(&message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        const auto value = static_cast<std::int64_t>(number());
        return more ? of->AddInt64(&message, &field, value) : of->SetInt64(&message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        const auto value = static_cast<std::uint32_t>(number());
        return more ? of->AddUInt32(&message, &field, value) : of->SetUInt32(&message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_UINT64:
        return more ? of->AddUInt64(&message, &field, number()) : of->SetUInt64(&message, &field, number());
      default:
        return;
    }
  }
  std::uint64_t number() { return chance(20) ? random_() << below(64) : below(5); }
  std::string text(const FieldDescriptor& field) {
    static constexpr std::array queues{"q", "r", "default", ""};
    if (field.name() == "client_key" || field.name() == "worker_key")
      return std::string(chance(8) ? below(20) : 16, static_cast<char>('a' + below(3)));
    if (field.name() == "function" || field.name() == "functions") return chance(6) ? "g" : "f";
    if (field.name().find("queue") != std::string::npos) return queues[below(queues.size())];
    return std::string(below(chance(40) ? 3000 : 4), static_cast<char>('p' + below(3)));
  }

  std::mt19937_64 random_;
};

std::vector<SessionStep> read(const std::uint8_t* data, std::size_t size) {
  std::vector<SessionStep> steps;
  for (Bytes bytes{data, size}; !bytes.empty() && steps.size() < 64;)
    steps.push_back(SessionStep::read(bytes));
  return steps;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  Inventor inventor{seed};
  if (inventor.chance(6)) return LLVMFuzzerMutate(data, size, max_size);
  std::vector<SessionStep> steps = read(data, size);
  for (std::size_t changes = 1 + inventor.below(4); changes > 0; --changes) {
    const std::size_t at = inventor.below(steps.size() + 1);
    const std::size_t what = steps.empty() ? 0 : inventor.below(6);
    const std::size_t old = steps.empty() ? 0 : inventor.below(steps.size());
    if (what < 3)
      steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(at), inventor.step());
    else if (what == 3)
      steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(old));
    else if (what == 4)
      steps.push_back(SessionStep{steps[old]});
    else
      steps[old].peer = inventor.below(session_peers);
  }
  std::string out;
  for (const SessionStep& step : steps) {
    std::string next;
    step.write(next);
    if (out.size() + next.size() <= max_size) out += next;
  }
  std::copy(out.begin(), out.end(), data);
  return out.size();
}
