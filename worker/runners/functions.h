// Functions: what runs inside this process, by name: the built-ins and those of plugins.
// FunctionRunner: calls them.
//
// Owner: WorkerApp, or the main of a pool child.  Thread: Functions is filled before the pool starts and only
// read afterwards; every slot has a FunctionRunner of its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "worker/include/reeve/plugin.h"
#include "worker/runners/runner.h"

namespace reeve::worker {

class Functions {
 public:
  Functions() = default;
  ~Functions();
  Functions(const Functions&) = delete;
  Functions& operator=(const Functions&) = delete;

  struct Entry {
    reeve_function call;
    void* user;
    void (*drop)(void* user);
    bool reads_pickles =
        false;           // it gets those of Python clients as they are; others get JSON where there is one
    bool brief = false;  // it returns within microseconds: its author's word
  };
  // Takes what `user` points to. Error: already_exists, invalid_argument; then the caller keeps it.
  Result<void> add(std::string_view name, Entry entry);
  void let_read_pickles(std::string_view name);  // Pre: it is there
  void mark_brief(std::string_view name);        // nothing, if it is not there
  const Entry* find(std::string_view name) const;
  std::vector<std::string> names() const;

  // Hands this to something that registers through the public header, and returns the first error.
  template <typename Register>
  Result<void> fill(Register&& register_functions) {
    Filling filling{.functions = *this, .trouble = {}};
    const reeve_registry registry{.struct_bytes = sizeof(reeve_registry),
                                  .host = &filling,
                                  .add = &Filling::add,
                                  .mark_brief = &Filling::mark_brief};
    register_functions(registry);
    return std::move(filling.trouble);
  }

 private:
  struct Filling {
    Functions& functions;
    Result<void> trouble;
    static int add(void* host, const char* name, std::size_t name_bytes, reeve_function call, void* user,
                   void (*drop)(void* user));
    static void mark_brief(void* host, const char* name, std::size_t name_bytes);
  };
  std::map<std::string, Entry, std::less<>> functions_;
};

// echo, square, sleep, fail: for trying things out. To a value that a Python client put, square answers as the worker of the
// classic two-queue script does: 12 becomes the text '12 * 12 = 144'.
void add_builtins(Functions& functions);

// Never stops a function by force: in a thread that cannot be done. A function that overran its time limit
// has failed, whatever it returned.
class FunctionRunner : public Runner {
 public:
  explicit FunctionRunner(const Functions& functions) : functions_(functions) {}
  void run(const Work& work, StopSignal& stop, Outcome& outcome) override;

 private:
  const Functions& functions_;
  std::shared_ptr<const TaskSpec> spec_;  // of the last call
  const Functions::Entry* entry_ = nullptr;
};

}  // namespace reeve::worker
