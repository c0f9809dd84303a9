// Report: the figures of a benchmark, several runs each, as a table for people and one flat JSON object.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace reeve::bench {

class Report {
 public:
  // One run's figure. `what` and `unit` are for people, and are taken from the first run.
  void add(const std::string& key, double value, const std::string& what, const std::string& unit);

  double median(const std::string& key) const;
  void print_table() const;
  void write_json(const std::string& file) const;  // medians; throws std::runtime_error

 private:
  struct Row {
    std::string key, what, unit;
    std::vector<double> values;
  };
  const Row& row(const std::string& key) const;
  std::vector<Row> rows_;  // in the order in which they were measured
};

}  // namespace reeve::bench
