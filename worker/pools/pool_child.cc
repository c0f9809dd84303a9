#include "worker/pools/pool_child.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "common/base/assert.h"
#include "proto/convert.h"
#include "worker/processes/own_program.h"
#include "worker/runners/functions.h"
#include "worker/runners/plugins.h"

namespace reeve::worker {
namespace {

int shared(ChildDescriptor which) { return first_shared_descriptor + static_cast<int>(which); }

// False: the parent has closed the socket or is gone.
bool read_all(std::span<char> into) {
  while (!into.empty()) {
    const auto got = ::read(shared(ChildDescriptor::socket), into.data(), into.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::write(shared(ChildDescriptor::socket), bytes.data(), bytes.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool read_message(std::string& message) {
  std::string length(length_bytes, '\0');
  if (!read_all(length)) return false;
  message = length;
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, length.data(), length_bytes);
  message.resize(bytes);
  return read_all(message);
}

bool answer(const Outcome& outcome) {
  wire::Outcome message;
  to_wire(outcome, message);
  return write_all(with_length(message.SerializeAsString()));
}

class PoolChild {
 public:
  PoolChild() {
    void* const memory = ::mmap(nullptr, sizeof(ChildMemory), PROT_READ | PROT_WRITE, MAP_SHARED,
                                shared(ChildDescriptor::memory), 0);
    ASSERT(memory != MAP_FAILED, "{}", std::strerror(errno));
    memory_ = static_cast<ChildMemory*>(memory);
  }

  Result<void> load(const std::vector<std::string>& plugins) {
    add_builtins(functions_);
    for (const auto& plugin : plugins)
      if (auto loaded = load_plugin(plugin, functions_); !loaded) return loaded;
    return {};
  }

  Outcome initialize(const std::string& initializer) {
    if (initializer.empty()) return {};
    auto spec = std::make_shared<TaskSpec>();
    spec->function = initializer;
    Outcome outcome = run({.fence = {}, .spec = spec, .payload = {}});
    if (outcome.state != TaskState::succeeded)
      set_failed(outcome, fmt::format("the initializer {} failed: {}", initializer, outcome.error));
    return outcome;
  }

  void serve() {
    std::string message;
    wire::Grant grant;
    while (read_message(message)) {
      ASSERT(grant.ParseFromString(message) && grant.tasks_size() == 1);
      if (grant.specs_size() > 0) {
        auto spec = from_wire(grant.specs(0).spec());
        ASSERT(spec.has_value(), "{}", spec.error().detail);
        spec_ = std::make_shared<const TaskSpec>(std::move(*spec));
      }
      wire::Granted& task = *grant.mutable_tasks(0);
      const Fence fence{.epoch = Epoch{grant.epoch()},
                        .task = {.job = JobId{task.job()}, .index = task.index()},
                        .attempt = task.attempt()};
      const Outcome outcome =
          run({.fence = fence, .spec = spec_, .payload = std::move(*task.mutable_payload())});
      if (!answer(outcome)) return;
    }
  }

 private:
  Outcome run(const Work& work) {
    Outcome outcome;
    stop_.begin(work, memory_->stop, mono_now());
    runner_.run(work, stop_, outcome);
    stop_.end();
    return outcome;
  }

  Functions functions_;
  FunctionRunner runner_{functions_};
  StopSignal stop_{shared(ChildDescriptor::wake_up)};
  ChildMemory* memory_ = nullptr;
  std::shared_ptr<const TaskSpec> spec_;
};

}  // namespace

std::vector<std::string> child_arguments(const ChildSetup& setup) {
  std::vector<std::string> arguments{pool_child_argument, setup.initializer};
  arguments.insert(arguments.end(), setup.plugins.begin(), setup.plugins.end());
  return arguments;
}

std::string with_length(std::string_view message) {
  const auto bytes = static_cast<std::uint32_t>(message.size());
  std::string framed(length_bytes, '\0');
  std::memcpy(framed.data(), &bytes, length_bytes);
  return framed.append(message);
}

std::size_t message_bytes(std::string_view received) {
  if (received.size() < length_bytes) return 0;
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, received.data(), length_bytes);
  return received.size() - length_bytes < bytes ? 0 : length_bytes + bytes;
}

int pool_child_main(int argc, const char* const* argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);  // the parent may be gone
  const std::span arguments{argv, static_cast<std::size_t>(argc)};
  constexpr std::size_t initializer = 2;
  if (arguments.size() <= initializer) return 1;
  PoolChild child;
  Outcome ready;
  if (auto loaded = child.load({arguments.begin() + initializer + 1, arguments.end()}); !loaded)
    set_failed(ready, loaded.error().detail);
  else
    ready = child.initialize(arguments[initializer]);
  if (answer(ready) && ready.state == TaskState::succeeded) child.serve();
  return 0;
}

}  // namespace reeve::worker
