#include "worker/runners/brief_functions.h"

namespace reeve::worker {

bool BriefFunctions::has(const Work& work) {
  if (work.payload.size() > payload_max_bytes) return false;
  if (work.spec != spec_) {
    spec_ = work.spec;
    const Functions::Entry* const entry = spec_->is_command() ? nullptr : functions_.find(spec_->function);
    brief_ = entry != nullptr && entry->brief && !caught_.contains(spec_->function);
  }
  return brief_;
}

bool BriefFunctions::was_brief(const Work& work, Duration run) {
  if (run <= run_max || !caught_.insert(work.spec->function).second) return true;
  spec_.reset();
  return false;
}

}  // namespace reeve::worker
