// Arguments: those of one call, bound to the names of a method's parameters as Python does it.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/pickle/request.h"
#include "common/pickle/value.h"
#include "master/managers/answer.h"

namespace reeve::master::managers {

class ObjectTable;

// Values that were bound: null where the caller gave none.
template <std::size_t N>
using Bound = std::array<pickle::Fragment*, N>;

class Arguments {
 public:
  // `from`: of the positional ones, those of a create() begin behind the typeid. Both outlive this.
  Arguments(pickle::Request& request, ObjectTable& objects, std::size_t from = 0)
      : request_(request), objects_(objects), from_(from) {}

  // `what`: the callable's name, for the exception. The first `required` have to be there. Raises TypeError.
  template <std::size_t N>
  std::expected<Bound<N>, Raise> bind(std::string_view what, const std::array<std::string_view, N>& names,
                                      std::size_t required = 0) const {
    Bound<N> bound{};
    if (auto error = bind_to(what, names, required, bound)) return std::unexpected(std::move(*error));
    return bound;
  }
  std::optional<Raise> none(std::string_view what) const { return bind_to(what, {}, 0, {}); }

  std::size_t positional() const { return request_.args.size() - from_; }
  pickle::Fragment& at(std::size_t i) const { return request_.args[from_ + i]; }
  std::span<std::pair<std::string_view, pickle::Fragment>> keywords() const { return request_.kwds; }
  pickle::Reader reader() const { return request_.reader; }
  const ObjectTable& objects() const { return objects_; }

  // Takes the fragment out of the request, to be kept by an object. Raises MemoryError over a limit.
  std::expected<ItemPtr, Raise> keep(pickle::Fragment& fragment) const;
  std::expected<ItemPtr, Raise> keep_text(std::string_view text) const;  // a keyword's name, as a value

 private:
  std::optional<Raise> bind_to(std::string_view what, std::span<const std::string_view> names,
                               std::size_t required, std::span<pickle::Fragment*> bound) const;

  pickle::Request& request_;
  ObjectTable& objects_;
  std::size_t from_;
};

// ---- what numbers and flags come as

// Opaque when it cannot be understood.
pickle::Value value_of(const pickle::Fragment& fragment);
bool is_none(const pickle::Fragment& fragment);
bool truth_of(const pickle::Fragment* fragment, bool when_absent);
// None, or absent: no value. Raises TypeError for what is no number. In seconds.
std::expected<std::optional<double>, Raise> seconds_of(const pickle::Fragment* fragment);
// …as the only argument of a wait(timeout=None).
std::expected<std::optional<double>, Raise> seconds_of_wait(const Arguments& arguments);
// Raises TypeError for what is no integer, OverflowError for one beyond 64 bits.
std::expected<std::int64_t, Raise> integer_of(const pickle::Value& value);
std::expected<std::int64_t, Raise> integer_of(const pickle::Fragment& fragment);
std::optional<std::string> text_of(const pickle::Fragment& fragment);
// Of a pickled Token.
std::optional<std::string> ident_in(const pickle::Fragment& token);
// Later than anything real: none. Now at the earliest.
std::optional<TimePoint> deadline_after(TimePoint now, std::optional<double> seconds);

// What an error of a comparison, a hash or a conversion is to a Python program.
Raise raise_of(const Error& error);

}  // namespace reeve::master::managers
