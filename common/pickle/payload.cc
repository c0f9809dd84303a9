#include "common/pickle/payload.h"

#include "common/pickle/json.h"
#include "common/pickle/stored.h"
#include "common/pickle/value.h"

namespace reeve::pickle {

Result<Fragment> from_payload(Encoding encoding, std::string_view bytes, const Limits& limits) {
  switch (encoding) {
    case Encoding::pickle:
      return from_stored(bytes, limits);
    case Encoding::raw:
      return encode(Value::bytes(std::string(bytes)), limits);
    case Encoding::json:
      break;
  }
  const Result<Value> value = from_json(bytes, limits);
  if (!value) return fail(value.error());
  return encode(*value, limits);
}

Result<std::string> json_of_pickle(std::string_view stored, const Limits& limits) {
  const Result<Fragment> fragment = from_stored(stored, limits);
  if (!fragment) return fail(fragment.error());
  const Result<Value> value = decode(*fragment, limits);
  if (!value) return fail(value.error());
  return to_json(*value, limits);
}

std::string text_of_pickle(std::string_view stored, const Limits& limits) {
  const Result<Fragment> fragment = from_stored(stored, limits);
  if (!fragment) return fmt::format("<no pickle, {} bytes>", stored.size());
  const Result<Value> value = decode(*fragment, limits);
  const bool opaque = !value || value->kind() == Value::Kind::opaque;
  if (!opaque)
    if (Result<std::string> text = repr(*value, limits)) return std::move(*text);
  return fmt::format("<{} object, {} bytes>", opaque ? class_name(*fragment) : type_name(*value),
                     fragment->bytes.size());
}

}  // namespace reeve::pickle
