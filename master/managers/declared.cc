#include "master/managers/declared.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <type_traits>

#include "common/base/duration.h"
#include "common/pickle/value.h"
#include "master/managers/objects/barrier.h"
#include "master/managers/objects/condition.h"
#include "master/managers/objects/dict.h"
#include "master/managers/objects/event.h"
#include "master/managers/objects/list.h"
#include "master/managers/objects/lock.h"
#include "master/managers/objects/namespace.h"
#include "master/managers/objects/shared_value.h"

namespace reeve::master::managers {
namespace {

using Made = Result<std::shared_ptr<Object>>;

// The parameters of one declaration.
class Given {
 public:
  explicit Given(const ObjectDeclaration& declaration) : all_(declaration.parameters) {}

  std::optional<std::string_view> text(std::string_view name) const {
    const auto found = all_.find(name);
    if (found == all_.end()) return std::nullopt;
    return found->second;
  }
  template <typename T>
  Result<T> number(std::string_view name, T when_absent) const {
    const auto given = text(name);
    if (!given) return when_absent;
    T number{};
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), number);
    if (error == std::errc{} && end == given->data() + given->size()) return number;
    return fail(Errc::invalid_argument, "{} is {}, not '{}'", name,
                std::is_integral_v<T> ? "an integer" : "a number", *given);
  }

 private:
  const std::map<std::string, std::string, std::less<>>& all_;
};

template <typename T, auto... Values>
Made made_of_nothing(const Given&, ObjectTable&) {
  return std::make_shared<T>(Values...);
}

template <Semaphore::Kind kind>
Made semaphore(const Given& given, ObjectTable&) {
  const auto value = given.number<std::int64_t>("value", 1);
  if (!value) return fail(value.error());
  if (*value < 0) return fail(Errc::invalid_argument, "value is at least 0");
  return std::make_shared<Semaphore>(kind, *value);
}

Made barrier(const Given& given, ObjectTable&) {
  const auto parties = given.number<std::int64_t>("parties", 0);
  if (!parties) return fail(parties.error());
  if (*parties < 1) return fail(Errc::invalid_argument, "a Barrier needs parties, at least 1");
  std::optional<double> timeout;
  if (const auto text = given.text("timeout")) {
    const auto duration = parse_duration(*text);
    if (!duration) return fail(Errc::invalid_argument, "timeout: {}", duration.error().detail);
    timeout = std::chrono::duration<double>(*duration).count();
  }
  return std::make_shared<Barrier>(*parties, timeout);
}

// What a Value holds at first: a number where the type code is one of numbers, else the text.
Result<pickle::Value> first_value(const Given& given, std::string_view typecode) {
  const auto refused = [typecode](const Error& why) {
    return fail(why.code, "{} (its typecode is {})", why.detail, typecode);
  };
  if (typecode == "f" || typecode == "d") {
    const auto number = given.number<double>("value", 0.0);
    if (!number) return refused(number.error());
    return pickle::Value{*number};
  }
  if (std::string_view{"bBhHiIlLqQ"}.contains(typecode.front())) {
    const auto number = given.number<std::int64_t>("value", 0);
    if (!number) return refused(number.error());
    return pickle::Value{*number};
  }
  return pickle::Value::text(std::string{given.text("value").value_or("")});
}

Made shared_value(const Given& given, ObjectTable& objects) {
  const std::string_view typecode = given.text("typecode").value_or("i");
  if (typecode.size() != 1) return fail(Errc::invalid_argument, "typecode is one letter, not '{}'", typecode);
  const auto value = first_value(given, typecode);
  if (!value) return fail(value.error());
  auto fragment = pickle::encode(*value);
  if (!fragment) return fail(fragment.error());
  return std::make_shared<SharedValue>(objects.wrap(pickle::text_fragment(typecode)),
                                       objects.wrap(std::move(*fragment)));
}

Made shared_array(const Given& given, ObjectTable& objects) {
  const auto size = given.number<std::size_t>("size", 0);
  if (!size) return fail(size.error());
  if (*size > objects.limits().declared_items_max)
    return fail(Errc::limit_reached, "size is at most {} (managers-declared-items-max)",
                objects.limits().declared_items_max);
  const auto typecode = given.text("typecode");
  if (!typecode) return fail(Errc::invalid_argument, "an Array needs a typecode, such as \"i\" for integers");
  return SharedArray::zeros(*typecode, *size);
}

struct Type {
  std::string_view name;
  std::span<const std::string_view> parameters;
  Made (*make)(const Given& given, ObjectTable& objects);  // null: a queue of the Broker
  QueueKind kind = QueueKind::fifo;
};

constexpr std::array<std::string_view, 1> of_queue{"maxsize"};
constexpr std::array<std::string_view, 1> of_semaphore{"value"};
constexpr std::array<std::string_view, 2> of_barrier{"parties", "timeout"};
constexpr std::array<std::string_view, 2> of_value{"typecode", "value"};
constexpr std::array<std::string_view, 2> of_array{"typecode", "size"};

constexpr std::array types{
    Type{"list",
         {},
         [](const Given&, ObjectTable&) -> Made { return std::make_shared<List>(std::vector<ItemPtr>{}); }},
    Type{"dict", {}, made_of_nothing<Dictionary>},
    Type{"Namespace", {}, made_of_nothing<Namespace>},
    Type{"Value", of_value, shared_value},
    Type{"Array", of_array, shared_array},
    Type{"Event", {}, made_of_nothing<Event>},
    Type{"Lock", {}, made_of_nothing<Lock, LockCore::Kind::plain>},
    Type{"RLock", {}, made_of_nothing<Lock, LockCore::Kind::reentrant>},
    Type{"Semaphore", of_semaphore, semaphore<Semaphore::Kind::plain>},
    Type{"BoundedSemaphore", of_semaphore, semaphore<Semaphore::Kind::bounded>},
    Type{"Condition", {}, made_of_nothing<Condition, nullptr>},
    Type{"Barrier", of_barrier, barrier},
    Type{"Queue", of_queue, nullptr},
    Type{"JoinableQueue", of_queue, nullptr},
    Type{"LifoQueue", of_queue, nullptr, QueueKind::lifo},
    Type{"PriorityQueue", of_queue, nullptr, QueueKind::priority},
};

std::string type_names() {
  std::string names;
  for (const Type& type : types) names += fmt::format("{}, ", type.name);
  return names + "or none to drop it";
}

Result<const Type*> type_of(const ObjectDeclaration& declaration) {
  if (declaration.type.empty()) return fail(Errc::invalid_argument, "it needs a type: {}", type_names());
  const auto* const type = std::ranges::find(types, std::string_view{declaration.type}, &Type::name);
  if (type == types.end())
    return fail(Errc::invalid_argument, "'{}' is no type of an object; there are {}", declaration.type,
                type_names());
  for (const auto& [name, value] : declaration.parameters)
    if (std::ranges::find(type->parameters, name) == type->parameters.end())
      return fail(Errc::invalid_argument, "an object of type {} has no '{}'{}{}", type->name, name,
                  type->parameters.empty() ? "" : "; it has ", fmt::join(type->parameters, " and "));
  return type;
}

}  // namespace

Result<void> check(const ObjectDeclaration& declaration, const ObjectLimits& limits) {
  if (declaration.drops()) {
    if (declaration.parameters.empty()) return {};
    return fail(Errc::invalid_argument, "an object that is to be dropped (type none) has no parameters");
  }
  const auto type = type_of(declaration);
  if (!type) return fail(type.error());
  if ((*type)->make == nullptr) {
    const auto maxsize = Given{declaration}.number<std::uint64_t>("maxsize", 0);
    return maxsize ? Result<void>{} : fail(maxsize.error());
  }
  ObjectTable nobodys{limits};
  const auto made = (*type)->make(Given{declaration}, nobodys);
  return made ? Result<void>{} : fail(made.error());
}

std::optional<QueueOptions> queue_of(const ObjectDeclaration& declaration) {
  const auto* const type = std::ranges::find(types, std::string_view{declaration.type}, &Type::name);
  if (type == types.end() || type->make != nullptr) return std::nullopt;
  return QueueOptions{.name = declaration.name,
                      .kind = type->kind,
                      .maxsize = Given{declaration}.number<std::uint64_t>("maxsize", 0).value_or(0)};
}

Result<std::shared_ptr<Object>> make_declared(const ObjectDeclaration& declaration, ObjectTable& objects) {
  const auto type = type_of(declaration);
  if (!type) return fail(type.error());
  return (*type)->make(Given{declaration}, objects);
}

}  // namespace reeve::master::managers
