// Value and Array. A Value holds whatever was stored in it; an Array checks its numbers as array.array does.
#pragma once

#include <memory>
#include <string>

#include "master/managers/object.h"
#include "master/managers/objects/indices.h"

namespace reeve::master::managers {

class SharedValue final : public Object {
 public:
  SharedValue(ItemPtr typecode, ItemPtr value)
      : typecode_(std::move(typecode)),
        value_(std::move(value)),
        typecode_text_(text_of(typecode_->fragment()).value_or("")) {}
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "Value"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr(std::size_t item_bytes_max, std::uint64_t& steps) const override;
  bool has_state() const override { return true; }
  std::string_view typecode() const override { return typecode_text_; }
  void note_all() override;
  Result<void> recall(std::int64_t number, std::string_view content) override;

 private:
  ItemPtr typecode_, value_;
  std::string typecode_text_;
};

class SharedArray final : public Object {
 public:
  explicit SharedArray(char typecode) { numbers_.typecode = typecode; }
  // Of `size` zeros. invalid_argument: the type code is none of numbers.
  static Result<std::shared_ptr<Object>> zeros(std::string_view typecode, std::size_t size);
  // Raises ValueError for a type code that is none of numbers.
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "array.array"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr(std::size_t item_bytes_max, std::uint64_t&) const override;
  Outcome getvalue() const override { return Answer{numbers_}; }
  bool has_state() const override { return true; }
  std::uint64_t own_bytes() const override { return numbers_.values.capacity() * sizeof(Number); }
  std::string_view typecode() const override { return {&numbers_.typecode, 1}; }
  void note_all() override { note(0, numbers_.values.size()); }
  Result<void> recall(std::int64_t number, std::string_view content) override;

 private:
  using Number = std::variant<std::int64_t, std::uint64_t, double>;

  // Numbers first, …, end - 1 have changed.
  void note(std::size_t first, std::size_t end);

  std::expected<Number, Raise> number_of(const pickle::Value& value) const;
  // What it is made of; `given` is what `fragment` stands for, if that has a form of its own.
  std::optional<Raise> fill(const pickle::Value& given, const pickle::Fragment& fragment,
                            const ObjectTable& objects);
  std::optional<Raise> add(const auto& elements, const ObjectTable& objects, const auto& value_in);
  // Raises MemoryError when so many more numbers are over a limit.
  std::optional<Raise> check_growth(std::size_t more, const ObjectTable& objects) const;
  Outcome get_item(const pickle::Fragment& index) const;
  Outcome set_item(const pickle::Fragment& index, const pickle::Fragment& value);
  Outcome assign(const SliceRange& slice, const pickle::Fragment& values);
  Answer part(const SliceRange& slice) const;
  Outcome python2_slice(const Arguments& arguments, bool assigns);

  Numbers numbers_;
};

}  // namespace reeve::master::managers
