// Between messages and the plain values of common/base. No rule lives here: what is malformed is refused,
// what is absent gets the default that reeve.proto names.
#pragma once

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/task.h"
#include "proto/reeve.pb.h"

namespace reeve {

void to_wire(const TaskSpec& spec, wire::TaskSpec& out);
Result<TaskSpec> from_wire(const wire::TaskSpec& spec);

void to_wire(const Outcome& outcome, wire::Outcome& out);  // all but index
Outcome from_wire(const wire::Outcome& outcome);
Outcome from_wire(wire::Outcome&& outcome);  // moves the strings out

void to_wire(const Fence& fence, wire::Fence& out);
Fence from_wire(const wire::Fence& fence);

void to_wire(const Error& error, wire::Error& out);
Error from_wire(const wire::Error& error);

void to_wire(const Pairs& pairs, google::protobuf::RepeatedPtrField<wire::Pair>& out);
Pairs from_wire(const google::protobuf::RepeatedPtrField<wire::Pair>& pairs);

}  // namespace reeve
