// Manager: the objects that the configuration declares, brought together with what the store holds of them.
#include <algorithm>

#include "master/managers/manager.h"

namespace reeve::master::managers {
namespace {

std::string shown(const ObjectRecord& record) {
  return record.typecode.empty() ? record.type
                                 : fmt::format("{} of typecode {}", record.type, record.typecode);
}

// Names what can be done, so that nobody has to guess how to get rid of data, or of a mistake.
Error changed(const ObjectRecord& before, const ObjectRecord& now) {
  return {Errc::already_exists,
          fmt::format(
              "it is a {} now, and the store holds a {} with data: change it back; or, to lose that data, "
              "start once with type = \"none\"",
              shown(now), shown(before))};
}

Error in_section(const std::string& name, const Error& error) {
  return {error.code, fmt::format("[objects.{}]: {}", name, error.detail)};
}

ObjectRecord record_of(const ObjectDeclaration& declaration, const Object& object) {
  return {.name = declaration.name, .type = declaration.type, .typecode = std::string{object.typecode()}};
}

ObjectDeclaration declaration_of(const ObjectRecord& record) {
  ObjectDeclaration declaration{.name = record.name, .type = record.type};
  if (!record.typecode.empty()) declaration.parameters.emplace("typecode", record.typecode);
  return declaration;
}

}  // namespace

Result<std::vector<std::string>> Manager::declare(std::span<const ObjectDeclaration> declared,
                                                  std::span<const Recovered::Object> stored,
                                                  Effects& effects) {
  std::vector<std::string> remarks;
  for (const Recovered::Object& held : stored) {
    const auto wanted = std::ranges::find(declared, held.record.name, &ObjectDeclaration::name);
    if (wanted != declared.end() && wanted->drops()) {
      effects.keep(ObjectErased{held.record.name});
      remarks.push_back(fmt::format("dropped the object {}, a {} of {} cells, as [objects.{}] says",
                                    held.record.name, shown(held.record), held.cells.size(),
                                    held.record.name));
      continue;
    }
    if (wanted == declared.end())
      remarks.push_back(
          fmt::format("the object {}, a {}, is not in the configuration any more; it stays as it is. To "
                      "drop it, start once with [objects.{}] type = \"none\"",
                      held.record.name, shown(held.record), held.record.name));
    const auto as = wanted != declared.end() ? *wanted : declaration_of(held.record);
    if (auto entered = enter_declared(as, &held, effects); !entered)
      return fail(in_section(as.name, entered.error()));
  }
  for (const ObjectDeclaration& wanted : declared) {
    if (wanted.drops() || names_.contains(wanted.name)) continue;
    if (auto entered = enter_declared(wanted, nullptr, effects); !entered)
      return fail(in_section(wanted.name, entered.error()));
  }
  for (Record& note : notes_) effects.keep(std::move(note));
  notes_.clear();
  return remarks;
}

Result<void> Manager::enter_declared(const ObjectDeclaration& as, const Recovered::Object* held,
                                     Effects& effects) {
  if (queue_of(as)) {  // nothing to do here, unless there is something else of that name
    if (held == nullptr) return {};
    return fail(changed(held->record, {.name = as.name, .type = as.type, .typecode = {}}));
  }
  if (auto reserved = broker_.reserve_name(as.name); !reserved) return reserved;
  auto made = make_declared(as, objects_);
  if (!made) return fail(made.error());
  const ObjectRecord record = record_of(as, **made);
  if (held != nullptr) {
    if (held->record.type != record.type || held->record.typecode != record.typecode)
      return fail(changed(held->record, record));
    made = make_declared(declaration_of(record), objects_);  // what it held first no longer counts
    if (!made) return fail(made.error());
  }
  const std::shared_ptr<Object> object = enter_name(as.name, std::move(*made));
  if (!object->has_state()) return {};
  const std::size_t items_max = options_.objects.declared_items_max;
  if (held == nullptr) {
    object->cells.keep(as.name, items_max, notes_);
    effects.keep(record);
    object->note_all();
    return {};
  }
  for (const auto& [number, content] : held->cells)
    if (auto recalled = object->recall(number, content); !recalled) return recalled;
  objects_.recount(*object);
  object->cells.keep(as.name, items_max, notes_);
  return {};
}

}  // namespace reeve::master::managers
