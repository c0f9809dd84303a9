// What the client library throws. Everything derives from reeve::Exception, whose code() says which Errc it
// is; the cases that programs tell apart have a class of their own, as in Python's queue and multiprocessing.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/base/api.h"
#include "common/base/error.h"
#include "common/base/task.h"

namespace reeve {

class REEVE_API Exception : public std::runtime_error {
 public:
  explicit Exception(const Error& error) : std::runtime_error(error.detail), code_(error.code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

class REEVE_API QueueEmpty : public Exception {  // get_nowait, or the time given to get passed
  using Exception::Exception;
};
class REEVE_API QueueFull : public Exception {  // put_nowait, or the time given to put passed
  using Exception::Exception;
};
class REEVE_API TimedOut : public Exception {
  using Exception::Exception;
};
class REEVE_API NotFound : public Exception {  // no such job, task, queue or worker
  using Exception::Exception;
};
class REEVE_API Unavailable : public Exception {  // the master cannot be reached, or the client was closed
  using Exception::Exception;
};
class REEVE_API AuthenticationFailed : public Exception {  // no key found, or not the master's
  using Exception::Exception;
};

// A task ended without a value: it failed or was cancelled. what() is its error.
class REEVE_API TaskFailed : public Exception {
 public:
  TaskFailed(std::uint64_t job, std::uint32_t index, Outcome outcome);

  std::uint64_t job() const noexcept { return job_; }
  std::uint32_t index() const noexcept { return index_; }
  const Outcome& outcome() const noexcept { return outcome_; }

 private:
  std::uint64_t job_;
  std::uint32_t index_;
  Outcome outcome_;
};

// Throws the class that belongs to error.code.
[[noreturn]] REEVE_API void throw_error(const Error& error);

}  // namespace reeve
