// Item: a Python value that an object keeps, exactly as its writer pickled it. Nothing in it is ever executed or
// built; it is decoded only as far as comparisons need.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "common/pickle/fragment.h"
#include "common/pickle/value.h"

namespace reeve::master::managers {

class Item;
class Object;

// Something that keeps an object alive although no client counts a reference: a proxy of it lies in an Item.
//
// Owner: an Item.
class Pin {
 public:
  explicit Pin(std::shared_ptr<Object> object);
  ~Pin();
  Pin(Pin&&) noexcept = default;
  Pin& operator=(Pin&&) = delete;
  const std::shared_ptr<Object>& object() const { return object_; }

 private:
  std::shared_ptr<Object> object_;
};

// What all items take together.
struct ItemUsage {
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = ~std::uint64_t{0};
  std::uint64_t decoded_bytes = 0;  // what they keep decoded, which can be a hundred times as long
  static constexpr std::uint64_t decoded_max_bytes = 256u << 20;
  std::unordered_set<Item*> pinning;  // those that hold pins
};

// What it takes in memory: its bytes, and what is known about them.
std::uint64_t bytes_of(const pickle::Fragment& fragment);

class Item {
 public:
  // `usage` must outlive every item.
  Item(pickle::Fragment fragment, std::vector<Pin> pins, ItemUsage& usage);
  ~Item();
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

  const pickle::Fragment& fragment() const { return fragment_; }
  const std::vector<Pin>& pins() const { return pins_; }
  std::uint64_t bytes() const { return bytes_; }  // that it counts in the usage
  std::vector<Pin> let_go();  // of what it pins, where objects hold each other in a circle
  // Decoded when first asked for, or each time when all items keep decoded_max_bytes. What is not understood is opaque.
  pickle::Value value() const;
  // …for so many `steps` of a call as decoding costs. None: there are not so many left.
  std::optional<pickle::Value> value(std::uint64_t& steps) const;
  // Pays for one look at all of its bytes. False: there are not so many steps left.
  bool spend_look(std::uint64_t& steps) const;

 private:
  pickle::Fragment fragment_;
  std::vector<Pin> pins_;
  ItemUsage* usage_;
  std::uint64_t bytes_;
  mutable std::optional<pickle::Value> value_;
};

using ItemPtr = std::shared_ptr<const Item>;

}  // namespace reeve::master::managers
