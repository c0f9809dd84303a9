#include "master/store/page_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace reeve::master {
namespace {

constexpr std::size_t header_bytes = 100;  // of the database, at the beginning of page 1
constexpr std::size_t columns_max = 16;    // of a row; the widest table has 9
constexpr std::size_t log_header_bytes = 32, frame_header_bytes = 24;
constexpr std::size_t frame_bytes = frame_header_bytes + PageReader::page_bytes;

// The first byte of a page that holds rows. What holds the rest of a long row, or nothing, begins with the upper byte
// of a page number, and 2 there would be a file of over 100 GB.
constexpr unsigned char inner_of_table = 5, leaf_of_table = 13, inner_of_index = 2, leaf_of_index = 10;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const unsigned char byte : bytes) value = value << 8 | byte;
  return value;
}
std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(big_endian(bytes.substr(at, 4)));
}
std::size_t u16_at(std::string_view bytes, std::size_t at) { return big_endian(bytes.substr(at, 2)); }

bool read_at(int fd, char* to, std::size_t count, std::uint64_t offset) {
  while (count > 0) {
    const ssize_t got = ::pread(fd, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got, count -= static_cast<std::size_t>(got), offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

std::uint64_t size_of(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

// SQLite's numbers of one to nine bytes. Takes it off the front; nothing: there is none.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 9; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value = i == 8 ? value << 8 | byte : value << 7 | (byte & 0x7f);
    if (byte >= 0x80 && i < 8) continue;
    bytes.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

std::int64_t signed_integer(std::string_view bytes) {
  const std::size_t unused_bits = 64 - 8 * bytes.size();
  return std::bit_cast<std::int64_t>(big_endian(bytes) << unused_bits) >> unused_bits;
}

// A value of this type from the front of `body`.
std::optional<RawValue> take_value(std::uint64_t type, std::string_view& body) {
  constexpr std::array<std::size_t, 12> sizes{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  if (type == 10 || type == 11) return std::nullopt;  // reserved
  const std::size_t size = type < sizes.size() ? sizes[type] : (type - 12) / 2;
  if (size > body.size()) return std::nullopt;
  const std::string_view bytes = body.substr(0, size);
  body.remove_prefix(size);
  RawValue value;
  if (type == 0) return value;
  value.type = type >= 12  ? (type % 2 == 0 ? RawValue::Type::blob : RawValue::Type::text)
               : type == 7 ? RawValue::Type::real
                           : RawValue::Type::integer;
  if (type >= 12)
    value.bytes = bytes;
  else if (type >= 8)
    value.integer = static_cast<std::int64_t>(type - 8);
  else if (type <= 6)
    value.integer = signed_integer(bytes);
  return value;
}

std::optional<std::vector<RawValue>> parse_record(std::string_view record) {
  std::string_view head = record;
  const auto head_bytes = take_varint(head);
  if (!head_bytes || *head_bytes > record.size()) return std::nullopt;
  const std::size_t length_bytes = record.size() - head.size();
  if (*head_bytes < length_bytes) return std::nullopt;
  head = record.substr(length_bytes, *head_bytes - length_bytes);
  std::string_view body = record.substr(*head_bytes);
  std::vector<RawValue> values;
  while (!head.empty()) {
    if (values.size() == columns_max) return std::nullopt;
    const auto type = take_varint(head);
    auto value = type ? take_value(*type, body) : std::nullopt;
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  if (!body.empty()) return std::nullopt;
  return values;
}

// How much of a row of `size` bytes stands on its page; the rest continues on others.
std::size_t bytes_on_page(std::size_t size, bool in_table) {
  constexpr std::size_t usable = PageReader::page_bytes;
  const std::size_t most = in_table ? usable - 35 : (usable - 12) * 64 / 255 - 23;
  if (size <= most) return size;
  constexpr std::size_t least = (usable - 12) * 32 / 255 - 23;
  const std::size_t fitting = least + (size - least) % (usable - 4);
  return fitting <= most ? fitting : least;
}

// The checksum of the log runs on from frame to frame; each frame holds what it has come to.
struct Checksum {
  std::uint32_t a = 0, b = 0;
  bool operator==(const Checksum&) const = default;

  void add(std::string_view bytes, bool big) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      a += word(bytes, at, big) + b;
      b += word(bytes, at + 4, big) + a;
    }
  }
  static std::uint32_t word(std::string_view bytes, std::size_t at, bool big) {
    const std::uint32_t value = u32_at(bytes, at);
    return big ? value : __builtin_bswap32(value);
  }
  static Checksum at(std::string_view bytes, std::size_t at) {
    return {u32_at(bytes, at), u32_at(bytes, at + 4)};
  }
};

}  // namespace

Result<PageReader> PageReader::open(const std::string& database) {
  const int fd = ::open(database.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(errno == ENOENT ? Errc::not_found : Errc::storage_failed, "cannot open {}: {}", database,
                std::strerror(errno));
  PageReader reader{fd, ::open((database + "-wal").c_str(), O_RDONLY | O_CLOEXEC)};
  reader.page_count_ = static_cast<PageNumber>(
      std::min<std::uint64_t>((size_of(fd) + page_bytes - 1) / page_bytes, UINT32_MAX - 1));
  reader.file_pages_ = reader.page_count_;
  if (reader.log_ >= 0) reader.read_log();
  reader.read_free_list();
  return reader;
}

PageReader::PageReader(PageReader&& other) noexcept
    : database_{std::exchange(other.database_, -1)},
      log_{std::exchange(other.log_, -1)},
      page_count_{other.page_count_},
      file_pages_{other.file_pages_},
      in_log_{std::move(other.in_log_)},
      free_{std::move(other.free_)},
      damaged_pages_{other.damaged_pages_},
      damaged_frames_{other.damaged_frames_},
      log_goes_on_behind_damage_{other.log_goes_on_behind_damage_} {}

PageReader::~PageReader() {
  if (database_ >= 0) ::close(database_);
  if (log_ >= 0) ::close(log_);
}

// SQLite stops at the first frame that does not add up. Here what comes behind it is taken as well, if it adds up by
// itself and was committed: a damaged frame costs one page.
void PageReader::read_log() {
  std::string head(log_header_bytes, '\0');
  if (!read_at(log_, head.data(), head.size(), 0)) return;
  const bool big = (u32_at(head, 0) & 1) != 0;
  std::string_view salts = std::string_view{head}.substr(16, 8);
  Checksum before;
  before.add(std::string_view{head}.substr(0, 24), big);
  std::string first(frame_header_bytes, '\0');
  if (before != Checksum::at(head, 24)) {  // then the first frame must know
    ++damaged_frames_;
    if (!read_at(log_, first.data(), first.size(), log_header_bytes)) return;
    salts = std::string_view{first}.substr(8, 8);
  }
  std::unordered_map<PageNumber, std::uint64_t> transaction;  // that is not known to be committed yet
  std::string frame(frame_bytes, '\0');
  PageNumber size = 0;  // of the database, after the last commit; 0: there is none
  bool behind_damage = false;
  std::uint64_t doubtful = 0;  // damaged frames, or what is left behind the end of the log
  for (std::uint64_t at = log_header_bytes; read_at(log_, frame.data(), frame.size(), at);
       at += frame_bytes) {
    const std::string_view view = frame;
    Checksum sum = before;
    sum.add(view.substr(0, 8), big);
    sum.add(view.substr(frame_header_bytes), big);
    before = Checksum::at(view, 16);
    const bool is_sound = sum == before && view.substr(8, 8) == salts;
    if (!is_sound) {
      ++doubtful;
      continue;
    }
    damaged_frames_ += std::exchange(doubtful, 0);
    const PageNumber number = u32_at(view, 0), size_after_commit = u32_at(view, 4);
    transaction[number] = at + frame_header_bytes;
    if (size_after_commit == 0) continue;
    log_goes_on_behind_damage_ = log_goes_on_behind_damage_ || behind_damage;
    behind_damage = damaged_frames_ > 0;  // the transaction that was cut off may have kept its end
    size = size_after_commit;
    for (const auto& [page, offset] : transaction) in_log_[page] = offset;
    transaction.clear();
  }
  // What lies behind the end was given up, unless a damaged frame said otherwise.
  if (size > 0) page_count_ = damaged_frames_ > 0 ? std::max(page_count_, size) : size;
}

void PageReader::read_free_list() {
  const auto first = page(1);
  if (!first) return;
  PageNumber trunk = u32_at(*first, 32);
  while (trunk != 0 && trunk <= page_count_ && free_.insert(trunk).second) {
    const auto content = page(trunk);
    if (!content) return;
    const std::size_t count = std::min<std::size_t>(u32_at(*content, 4), page_bytes / 4 - 2);
    for (std::size_t i = 0; i < count; ++i)
      if (const PageNumber leaf = u32_at(*content, 8 + 4 * i); leaf <= page_count_) free_.insert(leaf);
    trunk = u32_at(*content, 0);
  }
}

std::optional<PageReader::Page> PageReader::page(PageNumber number) const {
  Page content(page_bytes, '\0');
  const auto logged = in_log_.find(number);
  const bool is_read = logged != in_log_.end() ? read_at(log_, content.data(), page_bytes, logged->second)
                                               : number != 0 && read_at(database_, content.data(), page_bytes,
                                                                        (number - 1ULL) * page_bytes);
  if (!is_read) return std::nullopt;
  return content;
}

void PageReader::each_row(const std::function<void(RawRow&&)>& take) {
  // The log may speak of billions of pages: those that are in neither file are missing, and counted without a look.
  std::vector<PageNumber> there;
  for (const auto& [number, at] : in_log_)
    if (number > file_pages_ && number <= page_count_) there.push_back(number);
  std::ranges::sort(there);
  const PageNumber in_file = std::min(page_count_, file_pages_);
  pages_there_ = in_file + there.size();
  damaged_pages_ = page_count_ - pages_there_;
  follows_left_ = follows_for_each_page * pages_there_ + follows_at_least;
  const auto read = [&](PageNumber number) {
    if (free_.contains(number)) return;
    const auto content = page(number);
    if (!content || !read_page(number, *content, take)) ++damaged_pages_;
  };
  for (PageNumber number = 1; number <= in_file; ++number) read(number);
  std::ranges::for_each(there, read);
}

// False: something on it does not read.
bool PageReader::read_page(PageNumber number, const Page& page, const std::function<void(RawRow&&)>& take) {
  const std::size_t begin = number == 1 ? header_bytes : 0;
  const auto kind = static_cast<unsigned char>(page[begin]);
  if (kind == inner_of_table) return true;  // only shows the way
  if (kind != leaf_of_table && kind != leaf_of_index && kind != inner_of_index)
    return kind == 0 && number != 1;  // the rest of a long row, or unused
  const std::size_t pointers = begin + (kind == inner_of_index ? 12 : 8);
  const std::size_t cells = u16_at(page, begin + 3);
  bool is_sound = pointers + 2 * cells <= page_bytes;
  for (std::size_t i = 0; i < cells && pointers + 2 * i + 2 <= page_bytes; ++i) {
    auto row = read_cell(page, u16_at(page, pointers + 2 * i), kind);
    if (row)
      take(std::move(*row));
    else
      is_sound = false;
  }
  return is_sound;
}

std::optional<RawRow> PageReader::read_cell(const Page& page, std::size_t at, unsigned char kind) {
  if (at >= page_bytes) return std::nullopt;
  std::string_view rest = std::string_view{page}.substr(at);
  if (kind == inner_of_index) {  // the page below it
    if (rest.size() < 4) return std::nullopt;
    rest.remove_prefix(4);
  }
  RawRow row;
  const auto size = take_varint(rest);
  if (!size || *size > row_bytes_max) return std::nullopt;
  if (kind == leaf_of_table) {
    const auto rowid = take_varint(rest);
    if (!rowid) return std::nullopt;
    row.rowid = std::bit_cast<std::int64_t>(*rowid);
  }
  const std::size_t here = bytes_on_page(*size, kind == leaf_of_table);
  const bool goes_on = here < *size;
  if (rest.size() < here + (goes_on ? 4 : 0)) return std::nullopt;
  std::string record{rest.substr(0, here)};
  if (goes_on) {
    const auto tail = follow(u32_at(rest, here), *size - here);
    if (!tail) return std::nullopt;
    record += *tail;
  }
  auto values = parse_record(record);
  if (!values) return std::nullopt;
  row.values = std::move(*values);
  return row;
}

// The `count` bytes of a row that stand on the pages of a chain.
std::optional<std::string> PageReader::follow(PageNumber overflow, std::size_t count) {
  std::string bytes;
  std::size_t pages = 0;
  while (bytes.size() < count) {
    if (overflow == 0 || ++pages > pages_there_ || free_.contains(overflow)) return std::nullopt;
    if (follows_left_ == 0) return std::nullopt;
    --follows_left_;
    const auto content = page(overflow);
    if (!content) return std::nullopt;
    overflow = u32_at(*content, 0);
    bytes.append(*content, 4, std::min(count - bytes.size(), page_bytes - 4));
  }
  if (overflow != 0) return std::nullopt;  // a chain of another row
  return bytes;
}

}  // namespace reeve::master
