// List: a shared list. Its items are kept as they were pickled; they are decoded only to be compared. Of a declared list
// each item is a cell, with a number that leaves room for others in front of it and behind it; two places never share
// an item, because each is written in full and counts in full after a restart.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "master/managers/object.h"
#include "master/managers/objects/indices.h"

namespace reeve::master::managers {

class List final : public Object {
 public:
  explicit List(std::vector<ItemPtr> items) : items_(std::move(items)) {}
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "list"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr(std::size_t item_bytes_max, std::uint64_t& steps) const override;
  Outcome getvalue() const override { return Answer{items_}; }
  bool has_state() const override { return true; }
  std::uint64_t own_bytes() const override {
    return items_.capacity() * sizeof(ItemPtr) + numbers_.capacity() * sizeof(std::int64_t);
  }
  void note_all() override;
  Result<void> recall(std::int64_t number, std::string_view content) override;

 private:
  Outcome append(const Arguments& arguments);
  Outcome extend(const Arguments& arguments);
  Outcome insert(const Arguments& arguments);
  Outcome pop(const Arguments& arguments);
  Outcome remove(const Arguments& arguments);
  Outcome index(const Arguments& arguments);
  Outcome count(const Arguments& arguments);
  Outcome contains(const Arguments& arguments);
  Outcome reverse(const Arguments& arguments);
  Outcome reversed(const Arguments& arguments);
  Outcome sort(const Arguments& arguments);
  Outcome length(const Arguments& arguments);
  Outcome get_item(const Arguments& arguments);
  Outcome set_item(const Arguments& arguments);
  Outcome delete_item(const Arguments& arguments);
  Outcome add(const Arguments& arguments);
  Outcome multiply(const Arguments& arguments);
  Outcome multiply_in_place(const Arguments& arguments);
  Outcome get_slice(const Arguments& arguments);
  Outcome set_slice(const Arguments& arguments);
  Outcome delete_slice(const Arguments& arguments);

  using Method = Outcome (List::*)(const Arguments&);
  static const std::array<Method, 22> methods;

  // Its length when it is not there.
  std::expected<std::size_t, Raise> find(const pickle::Fragment& wanted, std::size_t from,
                                         std::size_t to) const;
  // How often a product holds all of the items. Raises MemoryError when that is too long a list.
  std::expected<std::size_t, Raise> factor_of(const pickle::Fragment& factor) const;
  std::vector<ItemPtr> times(std::size_t factor) const;
  // …of a declared list. Raises MemoryError when there is no room for copies of the items.
  std::expected<std::vector<ItemPtr>, Raise> copied_times(std::size_t factor) const;
  std::expected<SliceRange, Raise> python2_slice(const Arguments& arguments, std::size_t others) const;
  Answer slice_answer(const SliceRange& slice) const;
  Outcome assign(const SliceRange& slice, const pickle::Fragment& values, const Arguments& arguments);
  void erase(const SliceRange& slice);
  // The place where items come and go: `items` instead of `count` others. Raises MemoryError when a declared list gets
  // too long.
  std::optional<Raise> replace(std::size_t at, std::size_t count, std::vector<ItemPtr> items);
  Outcome replaced(std::size_t at, std::size_t count, std::vector<ItemPtr> items);
  void number(std::size_t at, std::size_t count);

  std::vector<ItemPtr> items_;
  std::vector<std::int64_t> numbers_;  // of their cells; only of a declared list
};

// The items of an iterable argument.
std::expected<std::vector<ItemPtr>, Raise> keep_elements(const pickle::Fragment& iterable,
                                                         const Arguments& arguments);
// None: it is longer, or the steps are spent. Who shows many stops there, so that not each of them is written so far.
std::optional<std::string> repr_of(const ItemPtr& item, std::size_t bytes_max, std::uint64_t& steps);

}  // namespace reeve::master::managers
