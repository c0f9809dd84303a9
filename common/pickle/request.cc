#include "common/pickle/request.h"

#include "common/pickle/slice.h"
#include "common/pickle/utf8.h"

namespace reeve::pickle {

namespace {

// A name as clients send it: readers and logs can rely on it being UTF-8.
std::optional<std::string_view> name_text(const Scan& scan, std::uint32_t index) {
  const auto text = scan.text(index);
  return text && is_python_text(*text) ? text : std::nullopt;
}

bool is_none(const Scan& scan, std::uint32_t index) {
  const Entry& entry = scan.entry(index);
  return entry.kind == Entry::Kind::atom && scan.bytes()[entry.opcode] == op::none;
}

// One more element than `count` before it, from the memory of an earlier request if there is some.
template <typename Elements>
auto& element(Elements& elements, std::size_t count) {
  if (count >= elements.size()) elements.emplace_back();
  return elements[count];
}

}  // namespace

Result<void> RequestParser::parse(std::string_view payload, Request& out) {
  if (Result<void> scanned = scan_.pickle(payload); !scanned) {
    out.reader = reader_of_protocol(scan_.protocol());
    return scanned;
  }
  out.reader = reader_of_protocol(scan_.protocol());
  return pick(out);
}

Result<void> RequestParser::pick(Request& out) {
  constexpr std::uint32_t parts = 4;
  const Entry& top = scan_.entry(scan_.resolve(scan_.top()));
  if (top.kind != Entry::Kind::tuple || top.children != parts)
    return fail(Errc::protocol_error, "a request is a tuple of ident, method, args and kwds");
  const std::uint32_t ident = scan_.child(top, 0);
  out.ident = name_text(scan_, ident);
  if (!out.ident && !is_none(scan_, ident))
    return fail(Errc::protocol_error, "a request's ident is a string or None");
  const auto method = name_text(scan_, scan_.child(top, 1));
  if (!method) return fail(Errc::protocol_error, "a request's method is a string");
  out.method = *method;
  const Entry& args = scan_.entry(scan_.child(top, 2));
  const Entry& kwds = scan_.entry(scan_.child(top, 3));
  if (args.kind != Entry::Kind::tuple || kwds.kind != Entry::Kind::dict)
    return fail(Errc::protocol_error, "a request's args are a tuple and its kwds a dict");
  if (std::uint64_t{args.children} + kwds.children / 2 > scan_.limits().arguments_max)
    return fail(Errc::limit_reached, "a request with more than {} arguments (arguments_max)",
                scan_.limits().arguments_max);
  std::size_t count = 0;
  for (std::uint32_t index = args.first; index != nothing; index = scan_.entry(index).next)
    if (Result<void> sliced = slice(scan_, index, element(out.args, count++)); !sliced) return sliced;
  out.args.resize(count);
  return pick_keywords(kwds, out);
}

Result<void> RequestParser::pick_keywords(const Entry& kwds, Request& out) {
  std::size_t count = 0;
  for (std::uint32_t key = kwds.first; key != nothing;) {
    const std::uint32_t value = scan_.entry(key).next;
    const auto name = name_text(scan_, key);
    if (!name) return fail(Errc::protocol_error, "a keyword is a string");
    auto& [keyword, fragment] = element(out.kwds, count++);
    keyword = *name;
    if (Result<void> sliced = slice(scan_, value, fragment); !sliced) return sliced;
    key = scan_.entry(value).next;
  }
  out.kwds.resize(count);
  return {};
}

Result<Request> parse_request(std::string_view payload, const Limits& limits) {
  Request request;
  if (Result<void> parsed = RequestParser{limits}.parse(payload, request); !parsed)
    return fail(std::move(parsed.error()));
  return request;
}

}  // namespace reeve::pickle
