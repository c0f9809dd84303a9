#include "master/net/backups.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "common/app/log.h"
#include "common/base/byte_size.h"
#include "master/net/native_server.h"

namespace reeve::master {
namespace {

// May take as long as the disk likes, and so runs beside the loop.
Result<void> make_directory(const std::string& dir) {
  std::error_code error;
  if (std::filesystem::create_directories(dir, error))
    std::filesystem::permissions(dir, std::filesystem::perms::owner_all, error);
  if (error) return fail(Errc::storage_failed, "cannot make {}: {}", dir, error.message());
  return {};
}

}  // namespace

// What the side thread works on. The loop thread looks at it between two pieces only.
struct Backups::Running {
  std::string file;
  std::unique_ptr<StoreBackup> copy;
  WallTime taken{};
  TimePoint begun = mono_now();
};

Result<std::string> Backups::place_of(std::string_view name) const {
  const std::filesystem::path path{name};
  const bool is_elsewhere =
      path.has_parent_path() && path.parent_path().lexically_normal() != std::filesystem::path{dir_};
  if (is_elsewhere)
    return fail(
        Errc::invalid_argument,
        "backups are written to {} on the master's machine (its --backup-dir): give a name without a path",
        dir_);
  const std::string file = path.filename().string();
  const bool is_plain = std::ranges::all_of(file, [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '.' || letter == '_' || letter == '-';
  });
  if (file.empty() || file.size() > name_max_bytes || file.front() == '.' || !is_plain)
    return fail(
        Errc::invalid_argument,
        "the name of a backup has letters, digits, '.', '_' and '-', at most {}, and begins with none of "
        "the dots",
        name_max_bytes);
  for (const std::string_view ending : {"-journal", "-wal", "-shm"})
    if (file.ends_with(ending))
      return fail(Errc::invalid_argument, "a file whose name ends in {} would be taken for a part of another",
                  ending);
  return dir_ + "/" + file;
}

Result<Backups::State> Backups::ask(std::uint64_t number, std::string_view name) {
  if (dir_.empty())
    return fail(Errc::wrong_state,
                "this master keeps everything in memory (--ephemeral): there is no store to copy");
  if (number == 0) return fail(Errc::invalid_argument, "a backup has a number other than 0");
  auto state = std::ranges::find(states_, number, &State::number);
  if (state == states_.end()) {
    if (!states_.empty() && !states_.back().is_finished)
      return fail(Errc::wrong_state, "a backup is being written already: {}", states_.back().file);
    auto file = place_of(name);
    if (!file) return fail(file.error());
    if (states_.size() == states_max) states_.pop_front();
    state = states_.insert(states_.end(), {.number = number, .file = std::move(*file), .result = {}});
    begin(std::make_shared<Running>(Running{.file = state->file, .copy = {}}));  // may have failed already
  }
  if (!state->result) return fail(state->result.error());
  return *state;
}

void Backups::begin(const std::shared_ptr<Running>& running) {
  log::info("backup {}: begins", running->file);
  server_.read_history(
      // What was acknowledged is in it, also while the store cannot be written.
      [running, dir = dir_](Store& store, const Result<void>&) -> Result<void> {
        if (auto made = make_directory(dir); !made) return made;
        running->taken = wall_now();
        auto copy = store.backup(running->file);
        if (!copy) return fail(copy.error());
        running->copy = std::move(*copy);
        return {};
      },
      [this, running](Result<void> begun) {
        states_.back().taken = running->taken;
        advance(running, begun ? Result<bool>{false} : fail(begun.error()));
      });
}

void Backups::advance(const std::shared_ptr<Running>& running, Result<bool> done) {
  State& state = states_.back();
  if (running->copy)
    state.bytes_done = running->copy->bytes_done(), state.bytes_total = running->copy->bytes_total();
  if (done && !*done) {
    auto result = std::make_shared<Result<bool>>(false);
    return server_.beside(
        [running, result](Store&) -> Result<void> {
          *result = running->copy->step();
          if (!*result) running->copy.reset();  // and with it the draft
          return {};
        },
        [this, running, result](Result<void> ran) {
          advance(running, ran ? std::move(*result) : fail(ran.error()));
        });
  }
  state.is_finished = true;
  if (!done) {
    running->copy.reset();  // if the side thread had no room for it
    log::warn("backup {}: {}", running->file, done.error().detail);
    state.result = fail(done.error());
    return;
  }
  log::info("backup {}: {} in {} ms", running->file, format_byte_size(state.bytes_total),
            std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - running->begun).count());
}

}  // namespace reeve::master
