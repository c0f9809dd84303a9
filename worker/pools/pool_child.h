// The child of a slot of the process pool: runs one function after another, as its parent (ChildRunner) tells
// it.
//
//   parent → child   u32 little-endian length | wire.Grant with one task, and its spec when it is another one
//   child → parent   u32 little-endian length | wire.Outcome: first how the initializer went, then one for
//   each task
//
// The child ends when its parent does, or closes the socket.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "worker/work.h"

namespace reeve::worker {

inline constexpr const char* pool_child_argument = "--pool-child";

// Which descriptors a child finds, from first_shared_descriptor on.
enum class ChildDescriptor { socket, wake_up, memory, count };

// In memory that parent and child share: why the task that runs in the child should end. Set by the parent,
// which then writes to the eventfd `wake_up`.
struct ChildMemory {
  std::atomic<StopReason> stop;
};

struct ChildSetup {
  std::string initializer;           // a function that is called, without a payload, before the first task
  std::vector<std::string> plugins;  // files
};
std::vector<std::string> child_arguments(const ChildSetup& setup);

inline constexpr std::size_t length_bytes = 4;
std::string with_length(std::string_view message);
// How many bytes of `received` are the first message with its length; 0: it is not whole yet.
std::size_t message_bytes(std::string_view received);

int pool_child_main(int argc, const char* const* argv);

}  // namespace reeve::worker
