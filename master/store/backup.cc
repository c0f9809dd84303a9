#include "master/store/backup.h"

#include <algorithm>
#include <filesystem>

#include "common/base/byte_size.h"
#include "master/store/another_store.h"

namespace reeve::master {
namespace {

constexpr std::uint64_t page_bytes = 4096;
// Flushed as it comes, so that commits never wait behind gigabytes that the system has to write.
constexpr std::uint64_t flush_bytes = 16ULL * 1024 * 1024;

Result<void> make_sure_there_is_room(const std::string& file, std::uint64_t bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::path{file}.parent_path(), error);
  if (error || space.available >= bytes + StoreBackup::room_left_bytes) return {};
  return fail(Errc::limit_reached,
              "the disk of {} has {} left: the backup takes {} more, and {} must stay free", file,
              format_byte_size(space.available), format_byte_size(bytes),
              format_byte_size(StoreBackup::room_left_bytes));
}

}  // namespace

Result<StoreBackup> StoreBackup::begin(const std::string& database, std::string file) {
  auto draft = DraftFile::make(std::move(file));
  if (!draft) return fail(draft.error());
  auto from = sql::Database::open_to_read(database, nullptr);
  if (!from) return fail(from.error());
  auto to = sql::Database::open(draft->path(), nullptr);
  if (!to) return fail(to.error());
  StoreBackup backup{std::move(*draft), std::move(*from), std::move(*to)};
  if (auto taken = backup.take_snapshot(); !taken) return fail(taken.error());
  return backup;
}

Result<void> StoreBackup::take_snapshot() {
  if (auto begun = from_.run("BEGIN"); !begun) return begun;
  const auto pages = from_.integer("PRAGMA page_count");  // reads, and so takes the snapshot
  if (!pages) return fail(pages.error());
  bytes_total_ = static_cast<std::uint64_t>(*pages) * page_bytes;
  if (auto room = make_sure_there_is_room(draft_.path(), bytes_total_); !room) return room;
  // What fails is thrown away, so it needs no journal; it is flushed as a whole.
  if (auto set = to_.run("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
      !set)
    return set;
  copy_.reset(sqlite3_backup_init(to_.raw(), "main", from_.raw(), "main"));
  if (!copy_) return fail(sql::error_of(to_.raw(), sqlite3_errcode(to_.raw())));
  return {};
}

Result<bool> StoreBackup::step() {
  const int rc = sqlite3_backup_step(copy_.get(), pages_in_a_piece);
  if (rc != SQLITE_OK && rc != SQLITE_DONE) {
    copy_.reset();
    return fail(sql::error_of(to_.raw(), rc));
  }
  const auto pages_left = static_cast<std::uint64_t>(sqlite3_backup_remaining(copy_.get()));
  bytes_done_ = bytes_total_ - std::min(bytes_total_, pages_left * page_bytes);
  if (bytes_done_ - bytes_flushed_ >= flush_bytes) {
    bytes_flushed_ = bytes_done_;
    if (auto flushed = draft_.flush(); !flushed) return fail(flushed.error());
    // Others write meanwhile, commits before all: they must not be the ones that find the disk full.
    if (auto room = make_sure_there_is_room(draft_.path(), bytes_total_ - bytes_done_); !room)
      return fail(room.error());
  }
  if (rc == SQLITE_OK) return false;
  if (auto finished = finish(); !finished) return fail(finished.error());
  return true;
}

Result<void> StoreBackup::finish() {
  if (const int rc = sqlite3_backup_finish(copy_.release()); rc != SQLITE_OK)
    return fail(sql::error_of(to_.raw(), rc));
  from_ = {};
  // One file: the copied header says that there is a log.
  if (auto set = to_.run("PRAGMA journal_mode = DELETE"); !set) return set;
  if (auto made = become_another_store(to_); !made) return made;
  to_ = {};
  return draft_.publish();
}

}  // namespace reeve::master
