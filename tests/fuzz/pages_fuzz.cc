// Any pages in the file of a store and its log: what reads is told, and it ends. In salvage, nothing else stands between
// a damaged file and the new store.
//
// The input is a number of pages and frames (1 byte each), then each of them, as page() and frame() read them.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "master/store/page_reader.h"
#include "tests/fuzz/bytes.h"

namespace {

using namespace reeve::fuzz;
using reeve::master::PageReader;
using reeve::master::RawRow;

void put_big_endian(std::string& out, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes && at + i < out.size(); ++i)
    out[at + i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
}

void put_bytes(std::string& out, std::size_t at, std::string_view bytes) {
  if (at < out.size()) bytes.copy(out.data() + at, out.size() - at);
}

// Mostly one of the first pages, now and then anything.
std::uint32_t page_number(Bytes& bytes) { return static_cast<std::uint32_t>(bytes.number()); }

// A page of one kind or another, with cells of any bytes at any places, and more bytes anywhere on top.
std::string page(Bytes& bytes, bool is_first) {
  constexpr std::array<char, 4> kinds{5, 13, 2, 10};
  std::string page(PageReader::page_bytes, '\0');
  const std::size_t begin = is_first ? 100 : 0;
  const std::uint8_t form = bytes.u8() % 8;
  if (form < kinds.size()) {
    page[begin] = kinds[form];
    const std::size_t cells = bytes.u8() % 16, pointers = begin + (kinds[form] < 10 ? 12 : 8);
    put_big_endian(page, begin + 3, bytes.u8() < 250 ? cells : bytes.u16(), 2);
    for (std::size_t i = 0, at = page.size(); i < cells; ++i) {
      const std::string_view cell = bytes.text();
      at -= std::min(at, cell.size() + 16u * bytes.u8());  // with room for a long row
      put_bytes(page, at, cell);
      put_big_endian(page, pointers + 2 * i, at, 2);
    }
  } else if (form < 6) {  // the rest of a long row, or a trunk of the list of free pages
    put_big_endian(page, 0, page_number(bytes), 4);
    put_bytes(page, 4, bytes.text());
  }
  if (is_first) put_big_endian(page, 32, page_number(bytes), 4);
  for (int pieces = bytes.u8() % 8; pieces > 0; --pieces) {
    const std::size_t at = bytes.u16() % page.size();
    put_bytes(page, at, bytes.text());
  }
  return page;
}

// As the log adds up: two sums over words of 4 bytes, from frame to frame.
struct Sums {
  std::uint32_t a = 0, b = 0;

  void add(std::string_view bytes) {
    const auto word = [bytes](std::size_t at) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
      return value;
    };
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      a += word(at) + b;
      b += word(at + 4) + a;
    }
  }
  void put(std::string& out, std::size_t at) const {
    put_big_endian(out, at, a, 4);
    put_big_endian(out, at + 4, b, 4);
  }
};

std::string log(Bytes& bytes, int frames) {
  constexpr std::string_view salts = "saltsalt";
  Sums sums;
  std::string head(32, '\0');
  put_big_endian(head, 0, 0x377f0683, 4);  // sums of words in big endian
  put_bytes(head, 16, salts);
  sums.add(std::string_view{head}.substr(0, 24));
  sums.put(head, 24);
  const std::uint8_t damage = bytes.u8();
  if (damage < head.size()) head[damage] = static_cast<char>(bytes.u8());
  std::string log = head;
  for (int i = 0; i < frames; ++i) {
    std::string frame(24, '\0');
    put_big_endian(frame, 0, page_number(bytes), 4);
    put_big_endian(frame, 4, page_number(bytes), 4);  // the size after a commit
    put_bytes(frame, 8, salts);
    const std::string content = page(bytes, false);
    sums.add(std::string_view{frame}.substr(0, 8));
    sums.add(content);
    sums.put(frame, 16);
    frame += content;
    if (bytes.u8() % 4 == 0) frame[bytes.u16() % frame.size()] = static_cast<char>(bytes.u8());
    log += frame;
  }
  log.resize(log.size() - std::min<std::size_t>(log.size(), bytes.u16()));
  return log;
}

// The same two files each time; gone at the end.
class Files {
 public:
  Files() {
    std::string name = std::filesystem::temp_directory_path() / "reeve-pages-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
  }
  ~Files() { std::filesystem::remove_all(directory_); }
  std::string database() const { return directory_ / "reeve.db"; }
  void write(const std::string& pages, const std::string& log) const {
    std::ofstream{database(), std::ios::binary} << pages;
    std::ofstream{database() + "-wal", std::ios::binary} << log;
  }

 private:
  std::filesystem::path directory_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Files files;
  Bytes bytes{data, size};
  const int pages = bytes.u8() % 8, frames = bytes.u8() % 8;
  std::string database;
  for (int i = 0; i < pages; ++i) database += page(bytes, i == 0);
  const std::string logged = log(bytes, frames);
  database.resize(database.size() - std::min<std::size_t>(database.size(), bytes.u16()));
  files.write(database, logged);

  auto reader = PageReader::open(files.database());
  require(reader.has_value());
  std::array<std::uint64_t, 2> rows{};
  for (std::uint64_t& told : rows) {
    reader->each_row([&](RawRow&& row) {
      ++told;
      std::size_t held = 0;
      for (const auto& value : row.values) held += value.bytes.size();
      require(held <= database.size() + logged.size());
    });
    require(reader->damaged_pages() <= reader->pages());
    require(reader->damaged_frames() <= static_cast<std::uint64_t>(frames) + 1);
  }
  require(rows[0] == rows[1]);
  return 0;
}
