#include "common/pickle/pieces.h"

#include <optional>

#include "common/pickle/slice.h"

namespace reeve::pickle {

namespace {

std::optional<Pieces::Kind> kind_of(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::tuple:
      return Pieces::Kind::tuple;
    case Entry::Kind::list:
      return Pieces::Kind::list;
    case Entry::Kind::dict:
      return Pieces::Kind::dict;
    case Entry::Kind::set:
      return Pieces::Kind::set;
    case Entry::Kind::frozenset:
      return Pieces::Kind::frozenset;
    default:
      return {};
  }
}

}  // namespace

Result<Pieces> split(const Fragment& fragment, const Limits& limits) {
  Scan scan{limits};
  if (Result<void> scanned = scan.fragment(fragment.bytes); !scanned) return fail(std::move(scanned.error()));
  const Entry& top = scan.entry(scan.resolve(scan.top()));
  const auto kind = kind_of(top.kind);
  if (!kind) return fail(Errc::invalid_argument, "this value has no elements");
  Pieces pieces{.kind = *kind, .elements = {}};
  pieces.elements.reserve(top.children);
  for (std::uint32_t child = top.first; child != nothing; child = scan.entry(child).next) {
    Fragment& element = pieces.elements.emplace_back();
    if (Result<void> sliced = slice(scan, child, element); !sliced) return fail(std::move(sliced.error()));
    element.python2_names = fragment.python2_names;
  }
  return pieces;
}

}  // namespace reeve::pickle
