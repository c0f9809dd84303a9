#include "master/net/backups.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "common/app/log.h"
#include "common/base/byte_size.h"
#include "master/net/native_server.h"

namespace reeve::master {

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
  return dir_ + "/" + file;
}

Result<Backups::State> Backups::ask(std::uint64_t number, std::string_view name) {
  if (dir_.empty())
    return fail(Errc::wrong_state,
                "this master keeps everything in memory (--ephemeral): there is no store to copy");
  if (number == 0) return fail(Errc::invalid_argument, "a backup has a number other than 0");
  if (number == last_.number) {
    if (!last_.result) return fail(last_.result.error());
    return last_;
  }
  if (last_.number != 0 && !last_.is_finished)
    return fail(Errc::wrong_state, "a backup is being written already: {}", last_.file);
  auto file = place_of(name);
  if (!file) return fail(file.error());
  std::error_code error;
  if (std::filesystem::create_directories(dir_, error))
    std::filesystem::permissions(dir_, std::filesystem::perms::owner_all, error);
  if (error) return fail(Errc::storage_failed, "cannot make {}: {}", dir_, error.message());
  if (std::filesystem::exists(std::filesystem::symlink_status(*file, error)))
    return fail(Errc::already_exists, "{} is there already; choose another name", *file);
  last_ = State{.number = number, .file = std::move(*file), .result = {}};
  begin(std::make_shared<Running>(Running{.file = last_.file, .copy = {}}));
  return last_;
}

void Backups::begin(const std::shared_ptr<Running>& running) {
  log::info("backup {}: begins", running->file);
  server_.read_history(
      [running](Store& store) -> Result<void> {
        running->taken = wall_now();
        auto copy = store.backup(running->file);
        if (!copy) return fail(copy.error());
        running->copy = std::move(*copy);
        return {};
      },
      [this, running](Result<void> begun) {
        last_.taken = running->taken;
        advance(running, begun ? Result<bool>{false} : fail(begun.error()));
      });
}

void Backups::advance(const std::shared_ptr<Running>& running, Result<bool> done) {
  if (running->copy)
    last_.bytes_done = running->copy->bytes_done(), last_.bytes_total = running->copy->bytes_total();
  if (done && !*done) {
    auto result = std::make_shared<Result<bool>>(false);
    return server_.beside(
        [running, result](Store&) -> Result<void> {
          *result = running->copy->step();
          return {};
        },
        [this, running, result](Result<void> ran) {
          advance(running, ran ? std::move(*result) : fail(ran.error()));
        });
  }
  last_.is_finished = true;
  if (!done) {
    running->copy.reset();  // and with it the draft
    log::warn("backup {}: {}", running->file, done.error().detail);
    last_.result = fail(done.error());
    return;
  }
  log::info("backup {}: {} in {} ms", running->file, format_byte_size(last_.bytes_total),
            std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - running->begun).count());
}

}  // namespace reeve::master
