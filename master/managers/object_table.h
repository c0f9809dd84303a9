// ObjectTable: the objects that clients hold proxies of, by ident, with their counts of references.
//
// Owner: Manager.  Thread: the loop thread.
// Always: an object is here as long as clients count a reference to it, an item pins it, or a name leads to it;
// an ident is never given twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "master/managers/item.h"
#include "master/managers/object.h"
#include "master/managers/options.h"

namespace reeve::master::managers {

// What one call may spend on decoding and comparing items: about 0.2 s, in which nobody else is served.
inline constexpr std::uint64_t call_steps_max = 4'000'000;
Raise too_much_to_compare();
Raise raise_of_comparison(const Error& error);
// item == wanted, a < b, within `steps` of a call. Raise TypeError, MemoryError when that is not enough.
std::expected<bool, Raise> equal(const Item& item, const pickle::Value& wanted, std::uint64_t& steps);
std::expected<bool, Raise> less(const Item& a, const Item& b, std::uint64_t& steps);

class ObjectTable {
 public:
  explicit ObjectTable(ObjectLimits limits);
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  const ObjectLimits& limits() const { return limits_; }
  // For one more without a name. Error: limit_reached.
  Result<void> check_room() const;
  // Gives it an ident; its creator holds the first reference.
  void add(const std::shared_ptr<Object>& object, std::string_view typeid_name);
  // Until its name goes, and with an ident that is the same in every run, so that proxies which outlive the master still
  // lead to it. Nobody holds a reference yet.
  void add_named(const std::shared_ptr<Object>& object, std::string_view name, std::string_view typeid_name);
  void drop_named(const Object& object);
  // The name in such an ident. None: it is none that add_named() gives.
  static std::optional<std::string> name_in(std::string_view ident);
  std::shared_ptr<Object> find(std::string_view ident) const;

  void incref(Object& object) { ++object.references; }
  // Error: wrong_state when nobody holds one.
  Result<void> decref(Object& object);
  void may_go(const Object& object) { may_go_.push_back(object.ident); }
  // Drops what nobody refers to any more; once after each request.
  void sweep();

  // Counts what the object itself takes now, after each call of it.
  void recount(Object& object);
  // Raises MemoryError when so many more are over objects_max_bytes.
  std::optional<Raise> check_bytes(std::uint64_t more) const;
  // …when `what` ("a list") of so many items is over list_items_max.
  std::optional<Raise> check_items(std::string_view what, std::size_t items) const;
  // …when one call would add so many elements one by one, keys and values counted each.
  std::optional<Raise> check_elements(std::size_t elements) const;
  // With pins on the objects whose proxies are in it. Raises MemoryError over objects_max_bytes.
  std::expected<ItemPtr, Raise> keep(pickle::Fragment fragment);

  // …of a value that lives elsewhere and is passing through.
  ItemPtr wrap(pickle::Fragment fragment);
  // …that the store held. storage_failed: it is no value.
  Result<ItemPtr> recall(std::string_view stored);

  std::uint64_t referenced() const;                  // by clients
  std::vector<std::shared_ptr<Object>> all() const;  // by ident
  std::size_t size() const { return objects_.size(); }
  std::uint64_t bytes() const { return usage_.bytes; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::string new_ident();
  void enter(const std::shared_ptr<Object>& object, std::string ident, std::string_view typeid_name);

  ObjectLimits limits_;
  ItemUsage usage_;
  std::uint64_t next_ident_ = 0;
  std::uint64_t ident_salt_;  // of this run: idents of an earlier one lead nowhere
  std::size_t named_ = 0;     // of `objects_`
  std::vector<std::string> may_go_;
  std::unordered_map<std::string, std::shared_ptr<Object>, Hash, std::equal_to<>> objects_;
};

}  // namespace reeve::master::managers
