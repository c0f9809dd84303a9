#include "common/base/task.h"

namespace reeve {

std::string_view name_of(TaskState state) {
  switch (state) {
    case TaskState::waiting:
      return "waiting";
    case TaskState::ready:
      return "ready";
    case TaskState::leased:
      return "leased";
    case TaskState::succeeded:
      return "succeeded";
    case TaskState::failed:
      return "failed";
    case TaskState::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view name_of(QueueKind kind) {
  switch (kind) {
    case QueueKind::fifo:
      return "fifo";
    case QueueKind::lifo:
      return "lifo";
    case QueueKind::priority:
      return "priority";
  }
  return "unknown";
}

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::raw:
      return "raw";
    case Encoding::json:
      return "json";
    case Encoding::pickle:
      return "pickle";
  }
  return "unknown";
}

std::size_t text_bytes(const TaskSpec& spec) {
  std::size_t bytes = spec.queue.size() + spec.function.size() + spec.result_queue.size();
  bytes += spec.command.cwd.size() + spec.command.stdin_bytes.size();
  for (const auto& arg : spec.command.args) bytes += arg.size();
  for (const auto* pairs : {&spec.command.env, &spec.labels})
    for (const auto& [key, value] : *pairs) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace reeve
