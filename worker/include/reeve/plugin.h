// reeve/plugin.h: functions for reeve-worker in a shared library.
//
//   #include <reeve/plugin.h>
//
//   REEVE_PLUGIN(registry) {
//     registry.add("reverse", [](const reeve::TaskContext&, std::string_view payload) -> reeve::TaskResult {
//       return std::string(payload.rbegin(), payload.rend());
//     });
//   }
//
//   g++ -std=c++17 -shared -fPIC -o reverse.so reverse.cc     reeve-worker --plugin ./reverse.so
//
// A function may be called from several threads at once (with --pool process: from one thread, in a process
// of its own). An exception that leaves it is a failure with its what(). Worker and library speak a C
// interface with a version number, so they need not share a compiler or a standard library. C++17 is enough;
// no library is linked.
#pragma once

#include <stddef.h>
#include <stdint.h>

// ---------------------------------------------------------------- the C interface

#define REEVE_PLUGIN_ABI 1u  // raised when something below changes its meaning; fields are only ever appended

#ifdef __cplusplus
extern "C" {
#endif

enum { REEVE_RAW = 0, REEVE_JSON = 1, REEVE_PICKLE = 2 };

typedef struct reeve_task {
  uint32_t struct_bytes;
  // Of the payload. What a Python client put comes as REEVE_JSON if it has that form (None, bool, int, float, str, list,
  // tuple, dict with text keys), and only else as REEVE_PICKLE: never unpickle what you do not trust.
  uint32_t encoding;
  uint64_t job;
  uint32_t index;
  uint32_t attempt;     // from 1
  int64_t deadline_us;  // of the time limit, on CLOCK_MONOTONIC; negative: none
  const char* payload;  // not terminated
  size_t payload_bytes;
  void* host;                              // to be passed to the functions below
  int (*cancelled)(void* host);            // not 0: nobody wants the result any more; return soon
  int (*wait_us)(void* host, int64_t us);  // sleeps; not 0: woken early because of cancelled or the deadline
  // Exactly one of these, once, before the function returns. The bytes are copied.
  void (*succeed)(void* host, uint32_t encoding, const char* value, size_t value_bytes);
  void (*fail)(void* host, const char* message, size_t message_bytes);
} reeve_task;

typedef void (*reeve_function)(void* user, const reeve_task* task);

typedef struct reeve_registry {
  uint32_t struct_bytes;
  void* host;
  // `user` is passed to every call, and to `drop` (may be null) when the worker ends. The name is copied.
  // Returns 0, or not 0 when the name is taken or empty; then the library is refused.
  int (*add)(void* host, const char* name, size_t name_bytes, reeve_function function, void* user,
             void (*drop)(void* user));
  // Says that a function that was added is brief: it always returns within microseconds and never waits for anything.
  void (*mark_brief)(void* host, const char* name, size_t name_bytes);
} reeve_registry;

// What a library exports. The worker asks for the version first and loads nothing that it does not know.
typedef uint32_t (*reeve_plugin_abi_function)(void);                             // reeve_plugin_abi
typedef void (*reeve_plugin_register_function)(const reeve_registry* registry);  // reeve_plugin_register

#ifdef __cplusplus
}  // extern "C"

// ---------------------------------------------------------------- the C++ face of it

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace reeve {

enum class PayloadEncoding : uint32_t { raw = REEVE_RAW, json = REEVE_JSON, pickle = REEVE_PICKLE };

// What a function may ask about the attempt it runs. Valid during the call.
class TaskContext {
 public:
  explicit TaskContext(const reeve_task& task) : task_(&task) {}

  uint64_t job() const { return task_->job; }
  uint32_t index() const { return task_->index; }
  std::string id() const { return std::to_string(task_->job) + "." + std::to_string(task_->index); }
  uint32_t attempt() const { return task_->attempt; }
  PayloadEncoding encoding() const { return static_cast<PayloadEncoding>(task_->encoding); }

  std::optional<std::chrono::steady_clock::time_point> deadline() const {
    if (task_->deadline_us < 0) return std::nullopt;
    return std::chrono::steady_clock::time_point{std::chrono::microseconds{task_->deadline_us}};
  }
  // Whether to give up: the task was cancelled, its time is over, or the worker ends. Cheap enough for a
  // loop.
  bool cancelled() const { return task_->cancelled(task_->host) != 0; }
  // Sleeps; false when it was cut short because cancelled() became true.
  template <typename Rep, typename Period>
  bool sleep_for(std::chrono::duration<Rep, Period> time) const {
    const auto us = std::chrono::ceil<std::chrono::microseconds>(time).count();
    return task_->wait_us(task_->host, static_cast<int64_t>(us)) == 0;
  }

 private:
  const reeve_task* task_;
};

// A value (a std::string converts to one) or an error: return reeve::TaskResult::error("no such picture").
class TaskResult {
 public:
  // The value has the encoding of the payload, or the one named.
  TaskResult(std::string value) : text_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  TaskResult(const char* value) : text_(value) {}             // NOLINT(google-explicit-constructor)
  TaskResult(std::string value, PayloadEncoding encoding) : text_(std::move(value)), encoding_(encoding) {}
  static TaskResult error(std::string message) {
    TaskResult result{std::move(message)};
    result.failed_ = true;
    return result;
  }

  bool failed() const { return failed_; }
  const std::string& text() const { return text_; }  // the value, or the message
  std::optional<PayloadEncoding> encoding() const { return encoding_; }

 private:
  std::string text_;
  std::optional<PayloadEncoding> encoding_;
  bool failed_ = false;
};

class PluginRegistry {
 public:
  explicit PluginRegistry(const reeve_registry& registry) : registry_(&registry) {}

  // `function` is called as function(const TaskContext&, std::string_view payload) and returns a TaskResult
  // or what converts to one.
  template <typename F>
  void add(std::string_view name, F function) {
    static_assert(
        std::is_convertible_v<std::invoke_result_t<F&, const TaskContext&, std::string_view>, TaskResult>);
    auto owned = std::make_unique<F>(std::move(function));
    const int refused = registry_->add(registry_->host, name.data(), name.size(), &call<F>, owned.get(),
                                       [](void* user) { delete static_cast<F*>(user); });
    if (refused == 0) owned.release();
  }

  // For a function that always returns within microseconds and never waits: for no lock, file or network. A worker with
  // nothing else to do calls it at once in the thread that the task arrived in, which saves waking another one. It hears
  // nothing from its master meanwhile; so once such a call has taken 10 ms, the function is treated as any other.
  template <typename F>
  void add_brief(std::string_view name, F function) {
    add(name, std::move(function));
    const bool has_mark =
        registry_->struct_bytes >= offsetof(reeve_registry, mark_brief) + sizeof(registry_->mark_brief);
    if (has_mark) registry_->mark_brief(registry_->host, name.data(), name.size());
  }

 private:
  template <typename F>
  static void call(void* user, const reeve_task* task) {
    try {
      const TaskResult result =
          (*static_cast<F*>(user))(TaskContext(*task), std::string_view(task->payload, task->payload_bytes));
      if (result.failed()) return task->fail(task->host, result.text().data(), result.text().size());
      const uint32_t encoding =
          result.encoding() ? static_cast<uint32_t>(*result.encoding()) : task->encoding;
      task->succeed(task->host, encoding, result.text().data(), result.text().size());
    } catch (const std::exception& error) {
      const std::string_view what = error.what();
      task->fail(task->host, what.data(), what.size());
    } catch (...) {
      constexpr std::string_view what = "the function threw something that is no std::exception";
      task->fail(task->host, what.data(), what.size());
    }
  }

  const reeve_registry* registry_;
};

}  // namespace reeve

// Defines what the library exports; the body that follows registers its functions.
#define REEVE_PLUGIN(registry)                                                        \
  static void reeve_plugin_body(::reeve::PluginRegistry registry);                    \
  extern "C" __attribute__((visibility("default"))) uint32_t reeve_plugin_abi(void) { \
    return REEVE_PLUGIN_ABI;                                                          \
  }                                                                                   \
  extern "C" __attribute__((visibility("default"))) void reeve_plugin_register(       \
      const reeve_registry* c_registry) {                                             \
    reeve_plugin_body(::reeve::PluginRegistry(*c_registry));                          \
  }                                                                                   \
  static void reeve_plugin_body(::reeve::PluginRegistry registry)

#endif  // __cplusplus
