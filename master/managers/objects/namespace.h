// Namespace: attributes by name.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "master/managers/object.h"

namespace reeve::master::managers {

class Namespace final : public Object {
 public:
  static std::expected<std::shared_ptr<Object>, Raise> make(const Arguments& arguments);

  std::string_view type_name() const override { return "Namespace"; }
  std::span<const std::string_view> exposed() const override;
  Outcome call(Call& call) override;
  std::string repr(std::size_t item_bytes_max, std::uint64_t& steps) const override;
  Outcome getvalue() const override;
  bool has_state() const override { return true; }
  std::uint64_t own_bytes() const override { return own_bytes_; }
  void note_all() override;
  Result<void> recall(std::int64_t number, std::string_view content) override;

 private:
  struct Attribute {
    std::int64_t cell = 0;
    ItemPtr value;
  };
  // What stands beside the value of an attribute: its place, and its name.
  static std::uint64_t bytes_beside(std::string_view name);
  // Raises MemoryError over a limit.
  std::optional<Raise> set(const std::string& name, ItemPtr value, const ObjectTable& objects);

  std::map<std::string, Attribute, std::less<>> attributes_;
  std::int64_t next_cell_ = 0;
  std::uint64_t own_bytes_ = 0;
};

}  // namespace reeve::master::managers
