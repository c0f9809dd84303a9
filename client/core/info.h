// From messages to the plain values of reeve/info.h, and the decoding of outcomes on demand.
#pragma once

#include <string_view>

#include "proto/reeve.pb.h"
#include "reeve/info.h"
#include "reeve/payload.h"
#include "reeve/queue.h"

namespace reeve::client {

JobInfo info_from(const wire::JobInfo& info);
TaskInfo info_from(wire::TaskInfo info);
QueueInfo info_from(const wire::QueueInfo& info);
WorkerInfo info_from(const wire::WorkerInfo& info);
StatusInfo info_from(const wire::StatusInfo& info);
BackupInfo info_from(const wire::BackupInfo& info);
Item item_from(wire::Item item);

// `bytes`: a wire::Outcome. Throws protocol_error when it is none.
Outcome decode_outcome(std::string_view bytes);
// The same, as far as a program needs it that only wants the value: nothing when the task did not succeed.
std::optional<Payload> decode_value(std::string_view bytes);
TaskState decode_state(std::string_view bytes);

}  // namespace reeve::client
