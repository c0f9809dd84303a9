// ClassList: collects names of classes without repetition, however many a hostile pickle has.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/pickle/fragment.h"

namespace reeve::pickle {

// Owner: whoever fills `out`.  Always: the list stands in the order in which the names came.
class ClassList {
 public:
  explicit ClassList(std::vector<ClassName>& out) : out_(out) {}

  void add(std::string_view module, std::string_view name) {
    if (!knows(module, name)) out_.push_back({std::string(module), std::string(name)});
  }

 private:
  static constexpr std::size_t searched_max = 16;  // a longer list is worth an index

  bool knows(std::string_view module, std::string_view name) {
    if (out_.size() < searched_max)
      return std::ranges::any_of(
          out_, [&](const ClassName& known) { return known.module == module && known.name == name; });
    if (index_.empty())
      for (const ClassName& known : out_) index_.insert(key(known.module, known.name));
    return !index_.insert(key(module, name)).second;
  }
  static std::string key(std::string_view module, std::string_view name) {
    return std::string(module) + '\n' + std::string(name);
  }

  std::vector<ClassName>& out_;
  std::unordered_set<std::string> index_;
};

}  // namespace reeve::pickle
