// PageReader: the rows in an SQLite file, page by page, without following its trees.
//
// SQLite finds rows through the pages above them and gives up where one of these is damaged. This reads whatever
// page holds rows itself, so that damage costs the rows on the damaged pages and no others. It knows of SQLite's
// file format what stores of reeve use: pages of 4096 bytes, no auto-vacuum, rows in leaves of tables, and
// in leaves and inner pages of tables without rowid (https://sqlite.org/fileformat2.html, sections 1 and 2).
//
// Nothing that it reads is believed: whatever a file holds, it ends, within bounded memory.
// Owner: salvage.  Thread: any one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/result.h"

namespace reeve::master {

struct RawValue {
  enum class Type { null, integer, real, text, blob };
  Type type = Type::null;
  std::int64_t integer = 0;
  std::string bytes;  // text, blob
};

struct RawRow {
  std::optional<std::int64_t> rowid;  // of a table that has them
  std::vector<RawValue> values;
};

class PageReader {
 public:
  static constexpr std::size_t page_bytes = 4096;
  static constexpr std::size_t row_bytes_max = 1U << 30;

  // With its log, if there is one. Error: not_found, storage_failed.
  static Result<PageReader> open(const std::string& database);
  ~PageReader();
  PageReader(PageReader&& other) noexcept;
  PageReader& operator=(PageReader&&) = delete;

  // Tells every row that reads; a damaged page may hold some that do and some that do not.
  void each_row(const std::function<void(RawRow&&)>& take);

  // Of the last each_row:
  std::uint64_t pages() const { return page_count_; }
  std::uint64_t damaged_pages() const { return damaged_pages_; }    // as far as can be seen
  std::uint64_t damaged_frames() const { return damaged_frames_; }  // of the log
  // Transactions stand in the log behind damage, so SQLite will not see them: no power cut explains that, for each was
  // flushed before the next began.
  bool log_goes_on_behind_damage() const { return log_goes_on_behind_damage_; }

 private:
  using PageNumber = std::uint32_t;  // from 1
  using Page = std::string;

  PageReader(int database, int log) : database_{database}, log_{log} {}
  void read_log();
  void read_free_list();
  std::optional<Page> page(PageNumber number) const;
  bool read_page(PageNumber number, const Page& page, const std::function<void(RawRow&&)>& take);
  std::optional<RawRow> read_cell(const Page& page, std::size_t at, unsigned char kind);
  std::optional<std::string> follow(PageNumber overflow, std::size_t count);

  // A sound file needs one for each page at most; chains that run in circles, or into each other, more.
  static constexpr std::uint64_t follows_for_each_page = 100, follows_at_least = 100'000;

  int database_, log_;         // descriptors; log_ < 0: none
  PageNumber page_count_ = 0;  // as the log says, else that of the file
  PageNumber file_pages_ = 0;
  std::uint64_t pages_there_ = 0;                         // of page_count_, in the file or its log
  std::uint64_t follows_left_ = 0;                        // pages of long rows, in all chains
  std::unordered_map<PageNumber, std::uint64_t> in_log_;  // → where its newest committed content is
  std::unordered_set<PageNumber> free_;                   // hold nothing, or what was erased
  std::uint64_t damaged_pages_ = 0, damaged_frames_ = 0;
  bool log_goes_on_behind_damage_ = false;
};

}  // namespace reeve::master
