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
  std::string repr() const override;
  Outcome getvalue() const override;

 private:
  std::map<std::string, ItemPtr, std::less<>> attributes_;
};

}  // namespace reeve::master::managers
