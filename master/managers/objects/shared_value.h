// Value and Array. A Value holds whatever was stored in it; an Array checks its numbers as array.array does.
#pragma once

#include <memory>
#include <string>

#include "master/managers/object.h"
#include "master/managers/objects/indices.h"

namespace reeve::master::managers {

class SharedValue final : public Object {
 public:
  SharedValue(ItemPtr typecode, ItemPtr value) : typecode_(std::move(typecode)), value_(std::move(value)) {}
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "Value"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr() const override;

 private:
  ItemPtr typecode_, value_;
};

class SharedArray final : public Object {
 public:
  explicit SharedArray(char typecode) { numbers_.typecode = typecode; }
  // Raises ValueError for a type code that is none of numbers.
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "array.array"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr() const override;
  Outcome getvalue() const override { return Answer{numbers_}; }

 private:
  using Number = std::variant<std::int64_t, std::uint64_t, double>;

  std::expected<Number, Raise> number_of(const pickle::Value& value) const;
  Outcome get_item(const pickle::Fragment& index) const;
  Outcome set_item(const pickle::Fragment& index, const pickle::Fragment& value);
  Outcome assign(const SliceRange& slice, const pickle::Fragment& values);
  Answer part(const SliceRange& slice) const;
  Outcome python2_slice(const Arguments& arguments, bool assigns);

  Numbers numbers_;
};

}  // namespace reeve::master::managers
