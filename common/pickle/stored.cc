#include "common/pickle/stored.h"

#include <algorithm>

#include "common/pickle/put.h"
#include "common/pickle/slice.h"
#include "common/pickle/token.h"

namespace reeve::pickle {

namespace {

constexpr unsigned magic = 0xa0, magic_mask = 0xe0, high_bytes_bit = 0x10, protocol_shift = 1,
                   protocol_mask = 0x0e, details_bit = 0x01;
constexpr std::size_t proto_bytes = 2, stop_bytes = 1, flags_bytes = 1;

bool has_details(const Fragment& fragment) {
  return !fragment.fixups.empty() || !fragment.classes.empty() || !fragment.token_idents.empty();
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

void put_details(std::string& out, const Fragment& fragment) {
  const std::size_t begin = out.size();
  put_number(out, fragment.memo_count);
  put_number(out, static_cast<std::uint32_t>(fragment.fixups.size()));
  for (const std::uint32_t fixup : fragment.fixups) put_number(out, fixup);
  put_number(out, static_cast<std::uint32_t>(fragment.classes.size()));
  for (const ClassName& name : fragment.classes) {
    put_text(out, name.module);
    put_text(out, name.name);
  }
  put_number(out, static_cast<std::uint32_t>(fragment.token_idents.size()));
  for (const std::string& ident : fragment.token_idents) put_text(out, ident);
  put_number(out, static_cast<std::uint32_t>(out.size() - begin));
}

// Reads details, from the front of what is left.
class Details {
 public:
  explicit Details(std::string_view bytes) : bytes_(bytes) {}

  bool number(std::uint32_t& value) {
    if (bytes_.size() < sizeof value) return false;
    value = read_number<std::uint32_t>(bytes_, 0);
    bytes_.remove_prefix(sizeof value);
    return true;
  }
  // How many elements follow, each of `bytes` at least.
  bool count(std::uint32_t& value, std::size_t bytes) {
    return number(value) && value <= bytes_.size() / bytes;
  }
  bool text(std::string& value) {
    std::uint32_t size;
    if (!count(size, 1)) return false;
    value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool done() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

bool read_fixups(Details& details, Fragment& out) {
  std::uint32_t count;
  if (!details.number(out.memo_count) || !details.count(count, sizeof count) || out.memo_count > count)
    return false;
  out.fixups.resize(count);
  std::uint32_t end = 0;
  for (std::uint32_t& fixup : out.fixups) {
    if (!details.number(fixup) || fixup < end + 1 || fixup + sizeof fixup > out.bytes.size()) return false;
    const char code = out.bytes[fixup - 1];
    if ((code != op::long_binput && code != op::long_binget) ||
        read_number<std::uint32_t>(out.bytes, fixup) >= out.memo_count)
      return false;
    end = fixup + static_cast<std::uint32_t>(sizeof fixup);
  }
  return true;
}

bool read_details(Details details, Fragment& out) {
  constexpr std::size_t length_bytes = 4;
  if (!read_fixups(details, out)) return false;
  std::uint32_t count;
  if (!details.count(count, 2 * length_bytes)) return false;
  out.classes.resize(count);
  for (ClassName& name : out.classes)
    if (!details.text(name.module) || !details.text(name.name)) return false;
  if (!details.count(count, length_bytes)) return false;
  out.token_idents.resize(count);
  for (std::string& ident : out.token_idents)
    if (!details.text(ident)) return false;
  return details.done();
}

Result<Fragment> from_foreign(std::string_view pickle, const Limits& limits) {
  Scan scan{limits};
  if (Result<void> scanned = scan.pickle(pickle); !scanned) return fail(std::move(scanned.error()));
  Fragment fragment;
  if (Result<void> sliced = slice(scan, scan.top(), fragment); !sliced)
    return fail(std::move(sliced.error()));
  return fragment;
}

}  // namespace

std::string to_stored(const Fragment& fragment) {
  std::string out;
  out.reserve(fragment.bytes.size() + proto_bytes + stop_bytes + flags_bytes);
  out += op::proto;
  out += static_cast<char>(fragment.python2_names ? 2 : std::max<std::uint8_t>(fragment.protocol, 3));
  out += fragment.bytes;
  out += op::stop;
  const bool details = has_details(fragment);
  if (details) put_details(out, fragment);
  out += static_cast<char>(magic | (fragment.high_bytes ? high_bytes_bit : 0) |
                           (unsigned{fragment.protocol} << protocol_shift & protocol_mask) |
                           (details ? details_bit : 0));
  return out;
}

std::optional<std::string_view> plain_stored(std::string_view stored, Reader reader) {
  if (stored.size() < proto_bytes + stop_bytes + flags_bytes || stored.front() != op::proto) return {};
  const auto flags = static_cast<unsigned char>(stored.back());
  constexpr unsigned in_the_way = high_bytes_bit | details_bit;
  if ((flags & (magic_mask | in_the_way)) != magic) return {};
  const unsigned protocol = (flags & protocol_mask) >> protocol_shift;
  const unsigned protocol_max = reader == Reader::python2 ? 2 : reader == Reader::python3_old ? 4 : 5;
  if (protocol > protocol_max || stored[stored.size() - flags_bytes - stop_bytes] != op::stop) return {};
  return stored.substr(proto_bytes, stored.size() - proto_bytes - stop_bytes - flags_bytes);
}

Result<Fragment> from_stored(std::string_view stored, const Limits& limits) {
  const auto broken = [] { return fail(Errc::invalid_argument, "this is no stored pickle"); };
  if (stored.size() < proto_bytes + stop_bytes + flags_bytes || stored.front() != op::proto ||
      stored.back() == op::stop)
    return from_foreign(stored, limits);
  const auto flags = static_cast<unsigned char>(stored.back());
  if ((flags & magic_mask) != magic) return broken();
  stored.remove_suffix(flags_bytes);
  Fragment fragment;
  fragment.python2_names = stored[1] <= 2;
  fragment.protocol = static_cast<std::uint8_t>((flags & protocol_mask) >> protocol_shift);
  fragment.high_bytes = (flags & high_bytes_bit) != 0;
  std::string_view details;
  if ((flags & details_bit) != 0) {
    std::uint32_t bytes;
    if (stored.size() < proto_bytes + stop_bytes + sizeof bytes) return broken();
    bytes = read_number<std::uint32_t>(stored, stored.size() - sizeof bytes);
    stored.remove_suffix(sizeof bytes);
    if (bytes > stored.size() - proto_bytes - stop_bytes) return broken();
    details = stored.substr(stored.size() - bytes);
    stored.remove_suffix(bytes);
  }
  if (stored.back() != op::stop || fragment.protocol < 2 || fragment.protocol > 5) return broken();
  fragment.bytes = stored.substr(proto_bytes, stored.size() - proto_bytes - stop_bytes);
  if ((flags & details_bit) != 0 && !read_details(Details{details}, fragment)) return broken();
  return fragment;
}

std::string_view pickle_of_stored(std::string_view stored) {
  if (stored.empty() || stored.back() == op::stop) return stored;
  const Result<Fragment> fragment = from_stored(stored);
  return fragment ? stored.substr(0, proto_bytes + fragment->bytes.size() + stop_bytes) : stored;
}

}  // namespace reeve::pickle
