// Between the Broker's views and the messages of reeve.proto.
#pragma once

#include "master/core/broker.h"
#include "master/core/views.h"
#include "proto/convert.h"

namespace reeve::master {

using reeve::from_wire;
using reeve::to_wire;

void to_wire(const Counts& counts, wire::Counts& out);
void to_wire(const JobView& job, wire::JobInfo& out);
void to_wire(const QueueView& queue, wire::QueueInfo& out);
void to_wire(const WorkerView& worker, wire::WorkerInfo& out);
void to_wire(const TaskView& task, wire::TaskInfo& out);
void to_wire(const ItemView& item, wire::Item& out);

WorkerIntro from_wire(const wire::WorkerHello& hello, std::string address);

}  // namespace reeve::master
