#include "worker/processes/own_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "worker/processes/descriptor.h"

namespace reeve::worker {
namespace {

constexpr const char* own_binary = "/proc/self/exe";
constexpr int out_of_the_way = 64;  // copies from here on do not collide with the numbers the helper expects

// Frees what posix_spawn was told, whatever happens.
struct Settings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  Settings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~Settings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
};

void set_signals_and_group(posix_spawnattr_t& attributes, HelperGroup group) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  const int leads = group == HelperGroup::session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  ::posix_spawnattr_setflags(&attributes,
                             static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | leads));
}

}  // namespace

Result<pid_t> start_own_program(const std::vector<std::string>& arguments, std::initializer_list<int> shared,
                                HelperGroup group) {
  Settings settings;
  set_signals_and_group(settings.attributes, group);
  ::posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&settings.files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<Descriptor> copies;
  int expected = first_shared_descriptor;
  for (const int fd : shared) {
    copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, out_of_the_way));
    if (!copies.back()) return fail(Errc::unavailable, "cannot copy a descriptor: {}", std::strerror(errno));
    ::posix_spawn_file_actions_adddup2(&settings.files, copies.back().get(), expected++);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&settings.files, expected);

  std::vector<std::string> texts{"reeve-worker"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, own_binary, &settings.files, &settings.attributes, argv.data(), environ);
  if (error != 0) return fail(Errc::unavailable, "cannot start a process: {}", std::strerror(error));
  return pid;
}

}  // namespace reeve::worker
