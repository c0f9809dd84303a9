#include "client/cli/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "client/cli/command.h"
#include "client/cli/config.h"
#include "client/cli/help.h"
#include "client/cli/schema.h"
#include "client/cli/terminal.h"

namespace reeve::cli {

namespace {

bool takes_value(const Options& options, std::string_view word) {
  return std::ranges::any_of(options.options(), [word](const Option& option) {
    return !option.meta.empty() && word == "--" + option.name;
  });
}

bool is_family(std::string_view word) {
  return std::ranges::any_of(commands(), [word](const CommandEntry& entry) {
    return entry.name.starts_with(word) && entry.name.substr(word.size()).starts_with(' ');
  });
}

const CommandEntry& find_command(std::string_view name) {
  std::vector<std::string> known;
  for (const CommandEntry& entry : commands()) {
    if (entry.name == name) return entry;
    known.emplace_back(entry.name);
  }
  const std::string meant = nearest(name, known);
  refuse(Errc::invalid_argument, "there is no command '{}'{}; 'reeve --help' lists them all", name,
         meant.empty() ? "" : fmt::format(" (did you mean '{}'?)", meant));
}

// What the words name, and the words that are left for it: options that every command has may stand before
// the name.
struct Chosen {
  const CommandEntry* entry = nullptr;  // null: no command, or only a family
  std::string family;                   // "queue", without what to do with it
  std::vector<std::string> words;
};

Chosen choose(const std::vector<std::string>& words) {
  CommonOptions unused;
  Options common;
  declare_common(common, unused);
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with('-')) at += takes_value(common, words[at]) ? 2 : 1;
  at = std::min(at, words.size());
  Chosen chosen;
  chosen.words.assign(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at));
  if (at == words.size()) return chosen;
  std::string name = words[at++];
  if (is_family(name) && (at == words.size() || words[at].starts_with('-'))) {
    chosen.family = std::move(name);
    chosen.words.insert(chosen.words.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
    return chosen;
  }
  if (is_family(name)) name += " " + words[at++];
  chosen.entry = &find_command(name);
  chosen.words.insert(chosen.words.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  return chosen;
}

// No command was named: help, the version, or a reminder.
Exit run_without_command(const Chosen& chosen, Output& out, Output& err) {
  bool version = false;
  CommonOptions common;
  Options options;
  options.flag("--version", version, "print the version");
  declare_common(options, common);
  (void)take(options.scan(chosen.words));
  if (common.print_config) {
    out.write(print_config(settle(common), common.json));
    return Exit::ok;
  }
  if (version) {
    out.line("reeve " REEVE_VERSION);
    return Exit::ok;
  }
  if (!common.help && common.json)
    refuse(Errc::invalid_argument, "no command was given; 'reeve {}--help' lists them",
           chosen.family.empty() ? "" : chosen.family + " ");
  (common.help ? out : err).write(overview(chosen.family));
  return common.help ? Exit::ok : Exit::usage;
}

// Runs one program: what it knows when something goes wrong is in its members.
class Program {
 public:
  Program(Output& out, Output& err) : out_(out), err_(err) {}

  Exit run(const std::vector<std::string>& words) {
    // Looked at first of all, so that a wrong word is told in the form that was asked for.
    common_.json =
        std::find(words.begin(), std::ranges::find(words, "--"), "--json") != std::ranges::find(words, "--");
    try {
      return run_chosen(choose(words));
    } catch (const PartlyDone& error) {
      return report({error.code(), error.what()}, error.fields());
    } catch (const Exception& error) {
      return report({error.code(), error.what()});
    } catch (const std::exception& error) {
      parsed_ = true;
      return report({Errc::internal, error.what()});
    }
  }

 private:
  Exit run_chosen(const Chosen& chosen) {
    entry_ = chosen.entry;
    if (!entry_) return run_without_command(chosen, out_, err_);
    const std::unique_ptr<Command> command = entry_->make();
    const Options options = options_of(*command, common_);
    std::vector<std::string> arguments = take(options.scan(chosen.words));
    if (common_.help) {
      out_.write(help_of(*entry_));
      return Exit::ok;
    }
    const std::vector<EffectiveSetting> settings = settle(common_);
    if (common_.print_config) {
      out_.write(print_config(settings, common_.json));
      return Exit::ok;
    }
    take(options.place(std::move(arguments)));
    parsed_ = true;
    Context context(common_, out_, err_);
    return command->run(context);
  }

  Exit report(const Error& error, const ErrorFields& fields = {}) {
    out_.flush_if_possible();
    const Exit exit = parsed_ ? exit_of(error.code) : Exit::usage;
    if (common_.json) {
      err_.line(json_error(error, exit, fields));
      return exit;
    }
    err_.line(fmt::format("{} {}", paint(err_.style(), Tone::bad, "reeve:"), error.detail));
    if (!parsed_ && entry_) err_.line(fmt::format("       see: reeve {} --help", entry_->name));
    return exit;
  }

  Output& out_;
  Output& err_;
  CommonOptions common_;
  const CommandEntry* entry_ = nullptr;
  bool parsed_ = false;
};

}  // namespace

int run_program(const std::vector<std::string>& words) {
  Output out(STDOUT_FILENO, style_of(terminal_facts(STDOUT_FILENO)));
  Output err(STDERR_FILENO, style_of(terminal_facts(STDERR_FILENO)));
  Exit exit = Program(out, err).run(words);
  try {
    out.flush();
  } catch (const Exception& error) {
    err.line(fmt::format("reeve: {}", error.what()));
    exit = Exit::failed;
  }
  err.flush_if_possible();
  return static_cast<int>(exit);
}

}  // namespace reeve::cli
