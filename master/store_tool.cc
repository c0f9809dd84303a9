#include "master/store_tool.h"

#include <cstdio>

#include "master/store/check.h"
#include "master/store/salvage.h"

namespace reeve::master {
namespace {

void print(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) fmt::print("{}\n", line);
}

}  // namespace

Result<int> StoreTool::run() const {
  if (!salvage_to) {
    const auto report = check_store(data_dir);
    if (!report) return fail(report.error());
    print(report->lines);
    return report->is_sound ? 0 : 1;
  }
  const auto report = salvage_store(data_dir, *salvage_to);
  if (!report) return fail(report.error());
  print(report->lines);
  return 0;
}

}  // namespace reeve::master
