// reeve-bench: starts real masters and workers on loopback, loads them, and reports what came of it.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <array>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bench/workloads.h"

namespace {

using namespace reeve::bench;

struct Workload {
  const char* name;
  std::function<void(const Places&, const Effort&, Report&)> run;
};

const std::array workloads{
    Workload{"ephemeral-round-trips",
             [](const auto& places, const auto& effort, auto& report) {
               round_trips(places, effort, Cluster::Mode::ephemeral, report);
             }},
    Workload{"durable-round-trips",
             [](const auto& places, const auto& effort, auto& report) {
               round_trips(places, effort, Cluster::Mode::durable, report);
             }},
    Workload{"ephemeral-latency",
             [](const auto& places, const auto& effort, auto& report) {
               latency(places, effort, Cluster::Mode::ephemeral, report);
             }},
    Workload{"durable-latency",
             [](const auto& places, const auto& effort, auto& report) {
               latency(places, effort, Cluster::Mode::durable, report);
             }},
    Workload{"ephemeral-puts", [](const auto& places, const auto& effort,
                                  auto& report) { puts(places, effort, Cluster::Mode::ephemeral, report); }},
    Workload{"durable-puts", [](const auto& places, const auto& effort,
                                auto& report) { puts(places, effort, Cluster::Mode::durable, report); }},
    Workload{"processes", processes},
    Workload{"ephemeral-memory",
             [](const auto& places, const auto& effort, auto& report) {
               memory(places, effort, Cluster::Mode::ephemeral, report);
             }},
    Workload{"durable-memory", [](const auto& places, const auto& effort,
                                  auto& report) { memory(places, effort, Cluster::Mode::durable, report); }},
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures reeve on this machine; bench/README.md tells how to read the figures",
               "reeve-bench"};
  bool quick = false;
  std::string json;
  std::vector<std::string> only;
  Effort effort;
  Places places{.programs = std::filesystem::canonical("/proc/self/exe").parent_path(),
                .data = std::filesystem::temp_directory_path()};
  app.add_flag("--quick", quick, "Fewer runs and fewer tasks: a minute, and rough figures");
  app.add_option("--runs", effort.runs, "How often each figure is taken; the median counts")
      ->capture_default_str();
  app.add_option("--json", json, "Write the medians there, as one flat object")->type_name("FILE");
  app.add_option("--dir", places.data, "Where the durable masters keep their data")->capture_default_str();
  app.add_option("workload", only, "Only these; default: all");
  CLI11_PARSE(app, argc, argv);
  if (quick) {
    if (app.count("--runs") == 0) effort.runs = 3;
    effort.scale = 0.2;
  }
  try {
    Report report;
    for (const Workload& workload : workloads) {
      if (!only.empty() && std::ranges::find(only, workload.name) == only.end()) continue;
      fmt::print(stderr, "{} …\n", workload.name);
      workload.run(places, effort, report);
    }
    report.print_table();
    if (!json.empty()) report.write_json(json);
  } catch (const std::exception& error) {
    fmt::print(stderr, "reeve-bench: {}\n", error.what());
    return 1;
  }
}
