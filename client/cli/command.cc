#include "client/cli/command.h"

#include <charconv>

#include "client/cli/table.h"
#include "client/cli/terminal.h"

namespace reeve::cli {

Client& Context::client() {
  if (client_) return *client_;
  ClientOptions options;
  options.master = options_.master;
  options.authkey_file = options_.authkey_file;
  options.program = "reeve " REEVE_VERSION;
  options.connect_timeout = options_.connect_timeout.value_or(connect_timeout_default);
  if (!quiet() && !json())
    options.on_connection = [this](bool connected, std::string_view master) {
      tell_connection(connected, master);
    };
  try {
    client_.emplace(Client::connect(options));
  } catch (const Unavailable& error) {
    refuse(Errc::unavailable,
           "{}; is reeve-master running there? Start it with 'reeve-master', or name another with --master "
           "HOST:PORT",
           error.what());
  } catch (const TimedOut& error) {  // of connecting: there is no master, whatever --timeout says
    refuse(Errc::unavailable, "{}; is that a reeve-master? --connect-timeout waits longer", error.what());
  } catch (const Exception& error) {
    if (error.code() != Errc::limit_reached) throw;
    refuse(Errc::unavailable,
           "{}; try again when others are gone, or start reeve-master with a larger --connections-max",
           error.what());
  }
  return *client_;
}

// Comes on another thread at times: past the buffers, which belong to the main one.
void Context::tell_connection(bool connected, std::string_view master) {
  connected_.store(connected, std::memory_order_relaxed);
  const std::string_view over_bar = err_.is_terminal() ? "\r\x1b[K" : "";
  const std::string sentence =
      connected ? "connected again"
                : fmt::format("lost the connection to the master at {}; trying again", master);
  (void)write_all(err_.fd(), fmt::format("{}{} {}\n", over_bar, paint(err_.style(), Tone::dim, "reeve:"),
                                         one_line(sentence)));
}

void Context::note(std::string_view sentence) {
  if (quiet() || json()) return;
  complain(sentence);
}

void Context::complain(std::string_view sentence) { complain_in_lines(one_line(sentence)); }

void Context::complain_in_lines(std::string_view text) {
  out_.flush();  // the two in the order in which they were said
  err_.line(fmt::format("{} {}", paint(err_.style(), Tone::dim, "reeve:"), several_lines(text, "  ")));
  err_.flush();
}

void declare_common(Options& options, CommonOptions& to) {
  options.begin_common();
  options.text("--master", to.master, "HOST:PORT",
               "the master (default: $REEVE_MASTER, else 127.0.0.1:7733)");
  options.text(
      "--authkey-file", to.authkey_file, "FILE",
      "the key (default: $REEVE_AUTHKEY_FILE, $REEVE_AUTHKEY, else the key of this user's own master)");
  options.duration("--connect-timeout", to.connect_timeout,
                   "give up when the master does not answer (default: 5s)");
  options.text("--config", to.config, "FILE",
               "a TOML file with some of these settings (default: $REEVE_CONFIG)");
  options.flag("--print-config", to.print_config,
               "print the settings and where they come from, and do nothing");
  options.flag("--json", to.json, "print JSON: one object, or one in each line (docs/CLI.md)");
  options.flag(options.has('q') ? "--quiet" : "-q,--quiet", to.quiet, "print ids or values only, no remarks");
  options.flag("-h,--help", to.help, "print this text");
}

Options options_of(Command& command, CommonOptions& common) {
  Options options;
  command.declare(options);
  declare_common(options, common);
  return options;
}

namespace {

template <typename Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number == 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

TaskName parse_name(std::string_view text) {
  std::string_view rest = text;
  TaskName name;
  if (take_number(rest, name.job) && rest.empty()) return name;
  if (name.job != 0 && rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (take_number(rest, name.index) && rest.empty()) return name;
  }
  refuse(Errc::invalid_argument, "'{}' is neither a job (17) nor a task (17.3); 'reeve ls' shows the jobs",
         text);
}

std::uint64_t parse_job(std::string_view text) {
  const TaskName name = parse_name(text);
  if (name.index != 0)
    refuse(Errc::invalid_argument, "{} is a task; this command takes whole jobs: {}", text, name.job);
  return name.job;
}

std::vector<std::uint64_t> parse_jobs(const std::vector<std::string>& texts) {
  std::vector<std::uint64_t> jobs;
  for (const std::string& text : texts) jobs.push_back(parse_job(text));
  return jobs;
}

std::string to_string(TaskName name) {
  return name.index == 0 ? fmt::format("{}", name.job) : fmt::format("{}.{}", name.job, name.index);
}

}  // namespace reeve::cli
