#include "client/cli/help.h"

#include <fmt/format.h>

namespace reeve::cli {

namespace {

constexpr std::size_t name_column = 18;

constexpr std::string_view exit_codes =
    "Exit codes: 0 all succeeded, 1 some task failed, 2 cancelled, 3 cannot reach or authenticate,\n"
    "4 usage, 124 timed out, 130 interrupted.\n";

// roff reads backslashes, and dots and quotes at the front of a line, as its own.
std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

void append_options(std::string& out, const Options& options, bool common) {
  for (const Option& option : options.options()) {
    if (option.common != common) continue;
    const std::string name =
        option.letter ? fmt::format("\\fB\\-{}\\fR, \\fB\\-\\-{}\\fR", option.letter, roff(option.name))
                      : fmt::format("\\fB\\-\\-{}\\fR", roff(option.name));
    out += fmt::format(".TP\n{}{}\n{}\n", name,
                       option.meta.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(option.meta)),
                       roff(option.help));
  }
}

void append_command(std::string& out, const CommandEntry& entry) {
  CommonOptions common;
  const std::unique_ptr<Command> command = entry.make();
  const Options options = options_of(*command, common);
  out +=
      fmt::format(".SS \\fBreeve {}\\fR {}\n{}.\n", entry.name, roff(options.usage()), roff(entry.summary));
  for (const Argument& argument : options.positionals())
    out += fmt::format(".TP\n\\fI{}\\fR\n{}\n", roff(argument.name), roff(argument.help));
  append_options(out, options, false);
  if (!entry.text.empty()) out += fmt::format(".PP\n.nf\n{}\n.fi\n", roff(entry.text));
}

}  // namespace

std::string overview(std::string_view family) {
  std::string out = family.empty()
                        ? "reeve: durable tasks for many machines\n\nUsage: reeve [options] COMMAND …\n"
                        : fmt::format("Usage: reeve {} COMMAND …\n", family);
  out += "\nCommands:\n";
  for (const CommandEntry& entry : commands())
    if (entry.name.starts_with(family))
      out += fmt::format("  {:{}}{}\n", entry.name, name_column, entry.summary);
  CommonOptions common;
  Options options;
  declare_common(options, common);
  out += options.help();
  out += fmt::format("\n{}'reeve COMMAND --help' tells more; so does reeve(1).\n", exit_codes);
  return out;
}

std::string help_of(const CommandEntry& entry) {
  CommonOptions common;
  const std::unique_ptr<Command> command = entry.make();
  const Options options = options_of(*command, common);
  std::string out = fmt::format("Usage: reeve {} {}\n\n{}.\n", entry.name, options.usage(), entry.summary);
  out += options.help();
  if (!entry.text.empty()) out += fmt::format("\n{}\n", entry.text);
  return out;
}

std::string man_page() {
  std::string out = fmt::format(
      ".TH REEVE 1 \"\" \"reeve {}\" \"User Commands\"\n"
      ".SH NAME\nreeve \\- submit tasks to a reeve master, watch them, fetch their results\n"
      ".SH SYNOPSIS\n.B reeve\n[options] \\fICOMMAND\\fR ...\n"
      ".SH DESCRIPTION\n"
      "A reeve master keeps queues of tasks; workers on any number of machines run them. This program talks "
      "to the "
      "master: it needs the master's address and the authkey that master, workers and clients share.\n"
      ".SH COMMANDS\n",
      REEVE_VERSION);
  for (const CommandEntry& entry : commands()) append_command(out, entry);
  out += ".SH OPTIONS OF EVERY COMMAND\n";
  CommonOptions common;
  Options options;
  declare_common(options, common);
  append_options(out, options, true);
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n0\neverything succeeded\n"
      ".TP\n1\nsome task failed, or the master could not do what was asked\n"
      ".TP\n2\nno task failed, but some were cancelled\n"
      ".TP\n3\nthe master, or a worker that could run the task, cannot be reached; or the key is wrong\n"
      ".TP\n4\nthe command line makes no sense: an unknown option, job, queue or worker, or a state that "
      "forbids it\n"
      ".TP\n124\nthe time given with \\-\\-timeout ran out\n"
      ".TP\n130\ninterrupted with Ctrl\\-C; the tasks go on\n"
      ".SH ENVIRONMENT\n"
      ".TP\nREEVE_MASTER\nthe master's address, HOST:PORT\n"
      ".TP\nREEVE_AUTHKEY_FILE, REEVE_AUTHKEY\na file with the key, or the key itself\n"
      ".TP\nNO_COLOR, CLICOLOR_FORCE\nno colours on a terminal; colours in a pipe\n"
      ".SH FILES\n"
      ".TP\n~/.local/state/reeve/authkey\nthe key that a master of the same user made\n"
      ".SH SEE ALSO\n.BR reeve\\-master (8),\n.BR reeve\\-worker (8)\n";
  return out;
}

}  // namespace reeve::cli
