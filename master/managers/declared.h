// Declared objects: [objects.NAME] of the configuration. They are found under get_NAME, and what they hold is in the
// store (docs/decisions/0008-declared-objects.md).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/task.h"
#include "master/core/broker.h"
#include "master/managers/object.h"
#include "master/managers/object_table.h"

namespace reeve::master::managers {

// As it stands in the configuration. Parameters are what the type takes: value, typecode, size, parties, timeout,
// maxsize.
struct ObjectDeclaration {
  std::string name;
  std::string type;
  std::map<std::string, std::string, std::less<>> parameters = {};

  // The one that says that an object of an earlier configuration, with all it holds, is to go.
  bool drops() const { return type == "none"; }
};

// invalid_argument: an unknown type, or a parameter that is not of it or has no sense. limit_reached: too large.
Result<void> check(const ObjectDeclaration& declaration, const ObjectLimits& limits);

// A queue is one of the Broker, as [queues.NAME] declares them. None: the object is no queue. Pre: checked.
std::optional<QueueOptions> queue_of(const ObjectDeclaration& declaration);

// With its first contents, in no table. `objects`: where its values are accounted for.
// Errors: as check().
Result<std::shared_ptr<Object>> make_declared(const ObjectDeclaration& declaration, ObjectTable& objects);

}  // namespace reeve::master::managers
