#include "common/app/data_dir.h"

#include <pwd.h>
#include <unistd.h>

namespace reeve {
namespace {

std::string home(const Environment& environment) {
  if (auto home = environment("HOME")) return *home;
  const passwd* const user = getpwuid(geteuid());
  return user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "/";
}

}  // namespace

std::string default_data_dir(const Environment& environment) {
  // A unit with several state directories lists them with colons; the first one is ours.
  if (const auto state = environment("STATE_DIRECTORY")) return state->substr(0, state->find(':'));
  if (const auto state_home = environment("XDG_STATE_HOME")) return *state_home + "/reeve";
  return home(environment) + "/.local/state/reeve";
}

}  // namespace reeve
