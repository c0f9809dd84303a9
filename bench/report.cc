#include "bench/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace reeve::bench {
namespace {

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string for_people(double value) {
  if (value >= 1000) {
    std::string digits = fmt::format("{:.0f}", value);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
      digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
  }
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
}

}  // namespace

void Report::add(const std::string& key, double value, const std::string& what, const std::string& unit) {
  auto found = std::ranges::find(rows_, key, &Row::key);
  if (found == rows_.end()) found = rows_.insert(rows_.end(), Row{key, what, unit, {}});
  found->values.push_back(value);
}

const Report::Row& Report::row(const std::string& key) const {
  const auto found = std::ranges::find(rows_, key, &Row::key);
  if (found == rows_.end()) throw std::runtime_error("nothing was measured for " + key);
  return *found;
}

double Report::median(const std::string& key) const { return median_of(row(key).values); }

void Report::print_table() const {
  std::size_t width = 0;
  for (const Row& row : rows_) width = std::max(width, row.what.size());
  fmt::print("{:<{}}  {:>12}  {:>12}  {:>12}\n", "", width, "median", "min", "max");
  for (const Row& row : rows_) {
    const auto [low, high] = std::ranges::minmax(row.values);
    fmt::print("{:<{}}  {:>12}  {:>12}  {:>12}  {}\n", row.what, width, for_people(median_of(row.values)),
               for_people(low), for_people(high), row.unit);
  }
}

void Report::write_json(const std::string& file) const {
  std::ofstream out(file);
  out << "{";
  const char* separator = "\n";
  for (const Row& row : rows_) {
    out << separator << fmt::format("  \"{}\": {:.6g}", row.key, median_of(row.values));
    separator = ",\n";
  }
  out << "\n}\n";
  if (!out) throw std::runtime_error("cannot write " + file);
}

}  // namespace reeve::bench
