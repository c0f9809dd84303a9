// Dictionary: a shared dict. Keys and values are kept as they were pickled, in the order of their insertion.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "master/managers/object.h"

namespace reeve::master::managers {

class Dictionary final : public Object {
 public:
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "dict"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr(std::size_t item_bytes_max, std::uint64_t& steps) const override;
  Outcome getvalue() const override;
  bool has_state() const override { return true; }
  std::uint64_t own_bytes() const override { return entries_.size() * entry_bytes; }
  void note_all() override;
  Result<void> recall(std::int64_t number, std::string_view content) override;

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::size_t hash;
    ItemPtr key, value;
    std::int64_t cell;
  };
  using Entries = std::list<Entry>;
  static constexpr std::uint64_t entry_bytes =
      sizeof(Entry) + 8 * sizeof(void*);  // with its place in by_hash_
  struct Key {
    std::size_t hash;
    pickle::Value value;
  };
  using Method = Outcome (Dictionary::*)(Call&);
  static const std::array<Method, 17> methods;

  Outcome contains(Call& call);
  Outcome delete_item(Call& call);
  Outcome get_item(Call& call);
  Outcome iterate(Call& call);
  Outcome length(Call& call);
  Outcome set_item(Call& call);
  Outcome clear(Call& call);
  Outcome copy(Call& call);
  Outcome get(Call& call);
  Outcome items(Call& call);
  Outcome keys(Call& call);
  Outcome pop(Call& call);
  Outcome pop_item(Call& call);
  Outcome set_default(Call& call);
  Outcome update(Call& call);
  Outcome values(Call& call);

  // Raises TypeError for what cannot be a key.
  static std::expected<Key, Raise> key_of(const pickle::Fragment& fragment);
  // Of a call with many keys: `steps` are for all of them.
  static std::expected<Key, Raise> key_of(const pickle::Fragment& fragment, std::uint64_t& steps);
  Entries::iterator find(const Key& key);
  void erase(Entries::iterator entry);
  void note(const Entry& entry);
  std::expected<ItemPtr, Raise> assign(const Key& key, pickle::Fragment& fragment, ItemPtr value,
                                       const Arguments& arguments);
  std::optional<Raise> fill(const Arguments& arguments, std::string_view what);

  Entries entries_;
  std::unordered_multimap<std::size_t, Entries::iterator> by_hash_;
  std::int64_t next_cell_ = 0;
};

// Iterator: over the keys that a dict had when it was asked; a dict that changes its size ends it with an error.
class Iterator final : public Object {
 public:
  Iterator(std::shared_ptr<Dictionary> dict, std::vector<ItemPtr> keys)
      : dict_(std::move(dict)), size_(dict_->size()), keys_(std::move(keys)) {}

  std::string_view type_name() const override { return "dict_keyiterator"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::uint64_t own_bytes() const override { return keys_.capacity() * sizeof(ItemPtr); }

 private:
  std::shared_ptr<Dictionary> dict_;
  std::size_t size_;
  std::vector<ItemPtr> keys_;
  std::size_t next_ = 0;
  bool closed_ = false;
};

}  // namespace reeve::master::managers
