// Between records and the blobs of the tables (proto/stored.proto).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "master/core/records.h"
#include "master/store/store.h"
#include "proto/stored.pb.h"

namespace reeve::master {

// Writes blobs. The views stay valid until the next call of the same function: messages and buffers are used
// again and again, so that a bulk batch allocates nothing here.
class Encoder {
 public:
  std::string_view job(const JobRecord& record);
  std::string_view spec(const std::shared_ptr<const TaskSpec>& spec);
  std::string_view payloads(const Payloads& payloads, Epoch epoch);
  std::string_view origins(const std::vector<ValueOrigin>& origins);

  // Pre: `outcomes` belong to the chunk that begins at `first`, and rise by index.
  std::string_view finals(std::uint32_t first, std::span<const OutcomeRecord* const> outcomes);
  std::string_view items(std::span<const OutcomeRecord* const> outcomes);

 private:
  std::shared_ptr<const TaskSpec> last_spec_;  // consecutive chunks mostly share one
  std::string spec_bytes_, job_bytes_, payloads_bytes_, origins_bytes_, finals_bytes_, items_bytes_;
  stored::Payloads payloads_;
  stored::Finals finals_;
  stored::Outcomes items_;
};

// Reads blobs. Errors: storage_failed; a blob that does not parse is damage.
Result<void> decode_job(std::string_view bytes, JobRecord& out);
Result<std::shared_ptr<const TaskSpec>> decode_spec(std::string_view bytes);
Result<std::shared_ptr<const Payloads>> decode_payloads(std::string_view bytes, Epoch* epoch = nullptr);
Result<std::shared_ptr<const std::vector<ValueOrigin>>> decode_origins(std::string_view bytes);
Result<std::vector<Store::StoredOutcome>> decode_items(std::string_view bytes);

// Tells `visit(offset, state)` about each task that a Finals blob names; offsets count from the chunk's
// first. Pre of the data: offsets are below `count`, else it is damage.
Result<void> decode_finals(std::string_view bytes, std::uint32_t count,
                           const std::function<void(std::uint32_t, TaskState)>& visit);

// Specs by their bytes: a million jobs of one task share one TaskSpec when they are alike.
class SpecPool {
 public:
  Result<std::shared_ptr<const TaskSpec>> get(std::string_view bytes);

 private:
  std::unordered_map<std::string, std::shared_ptr<const TaskSpec>> specs_;
  std::string last_bytes_;
  std::shared_ptr<const TaskSpec> last_;
};

}  // namespace reeve::master
