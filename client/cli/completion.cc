// reeve completion: scripts for shells, made from what the commands declare.
#include <map>
#include <set>

#include "client/cli/commands.h"
#include "client/cli/help.h"
#include "client/cli/text.h"

namespace reeve::cli {

namespace {

constexpr const char* shells = "bash zsh fish";

struct Words {
  std::string command;  // "queue put"
  std::string summary;
  std::vector<std::string> options;  // "--timeout", "-n"
};

std::vector<Words> all_words() {
  std::vector<Words> all;
  for (const CommandEntry& entry : commands()) {
    CommonOptions common;
    const std::unique_ptr<Command> command = entry.make();
    const Options options = options_of(*command, common);
    Words words{std::string(entry.name), std::string(entry.summary), {}};
    for (const Option& option : options.options()) {
      words.options.push_back("--" + option.name);
      if (option.letter) words.options.push_back({'-', option.letter});
    }
    all.push_back(std::move(words));
  }
  return all;
}

// The first words of all commands, and what may follow each of them.
std::map<std::string, std::string> families() {
  std::map<std::string, std::string> families;
  for (const CommandEntry& entry : commands()) {
    const auto space = entry.name.find(' ');
    std::string& rest = families[std::string(entry.name.substr(0, space))];
    if (space != entry.name.npos)
      rest += (rest.empty() ? "" : " ") + std::string(entry.name.substr(space + 1));
  }
  families["completion"] = shells;
  return families;
}

// Options with few values, whatever command they are of: "--kind" → "fifo lifo priority".
std::map<std::string, std::string> choices() {
  std::map<std::string, std::string> choices;
  for (const CommandEntry& entry : commands()) {
    CommonOptions common;
    const std::unique_ptr<Command> command = entry.make();
    const Options options = options_of(*command, common);
    for (const Option& option : options.options())
      if (!option.choices.empty()) choices["--" + option.name] = join(option.choices, " ");
  }
  return choices;
}

// `function` is the name of the function that completes.
std::string bash_function(std::string_view function) {
  std::string first, cases;
  for (const auto& [family, rest] : families()) {
    first += (first.empty() ? "" : " ") + family;
    if (!rest.empty()) cases += fmt::format("    {}) words='{}' ;;\n", family, rest);
  }
  std::string options;
  for (const Words& words : all_words())
    options += fmt::format("    '{}') words='{}' ;;\n", words.command, join(words.options, " "));
  std::string values;
  for (const auto& [option, words] : choices())
    values += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n", option, words);
  return fmt::format(
      "{}() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} first=${{COMP_WORDS[1]}} command words=''\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '{} --help --version' -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  local i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    [ \"${{COMP_WORDS[i]}}\" = -- ] && {{ COMPREPLY=($(compgen -f -- \"$cur\")); return; }}\n"
      "  done\n"
      "  case ${{COMP_WORDS[COMP_CWORD-1]}} in\n{}"
      "  esac\n"
      "  command=$first\n"
      "  case $first in\n{}"
      "  esac\n"
      "  if [ -n \"$words\" ]; then\n"
      "    if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
      "      COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "      return\n"
      "    fi\n"
      "    command=\"$first ${{COMP_WORDS[2]}}\"\n"
      "    words=''\n"
      "  fi\n"
      "  case $command in\n{}"
      "  esac\n"
      "  if [[ $cur == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
      "  fi\n"
      "}}\n"
      "complete -o filenames -F {} reeve\n",
      function, first, values, cases, options, function);
}

std::string bash_script() {
  return "# bash completion for reeve: source it, or put it in "
         "/usr/share/bash-completion/completions/reeve\n" +
         bash_function("_reeve");
}

// The file is loaded as the function _reeve at the first use, which then has to complete as well.
std::string zsh_script() {
  return "#compdef reeve\n"
         "# zsh completion for reeve: put it into a directory of $fpath under the name _reeve, or source it\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_function("_reeve_words") +
         "[ \"${funcstack[1]}\" != _reeve ] || _bash_complete -o filenames -F _reeve_words\n";
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_script() {
  std::string out = "# fish completion for reeve: put it into ~/.config/fish/completions/reeve.fish\n";
  const auto second_words = families();
  std::set<std::string> told;
  for (const CommandEntry& entry : commands()) {
    const auto space = entry.name.find(' ');
    const std::string first(entry.name.substr(0, space));
    const std::string_view summary = space == entry.name.npos ? entry.summary : "";
    if (told.insert(first).second)
      out += fmt::format("complete -c reeve -n __fish_use_subcommand -f -a {} -d {}\n", first,
                         fish_quoted(summary));
    if (space == entry.name.npos) continue;
    out += fmt::format(
        "complete -c reeve -n '__fish_seen_subcommand_from {}; and not __fish_seen_subcommand_from {}' "
        "-f -a {} -d {}\n",
        first, second_words.at(first), entry.name.substr(space + 1), fish_quoted(entry.summary));
  }
  out += fmt::format("complete -c reeve -n '__fish_seen_subcommand_from completion' -f -a '{}'\n", shells);
  for (const CommandEntry& entry : commands()) {
    CommonOptions common;
    const std::unique_ptr<Command> command = entry.make();
    const Options options = options_of(*command, common);
    std::string seen = "__fish_seen_subcommand_from " + std::string(entry.name);
    if (const auto space = seen.rfind(' '); entry.name.find(' ') != entry.name.npos)
      seen = seen.substr(0, space) + "; and __fish_seen_subcommand_from" + seen.substr(space);
    for (const Option& option : options.options()) {
      out += fmt::format("complete -c reeve -n '{}' -l {}", seen, option.name);
      if (option.letter) out += fmt::format(" -s {}", option.letter);
      if (!option.meta.empty()) out += " -r";
      if (!option.choices.empty()) out += fmt::format(" -f -a '{}'", join(option.choices, " "));
      out += fmt::format(" -d {}\n", fish_quoted(option.help));
    }
  }
  return out;
}

class Completion final : public Command {
 public:
  void declare(Options& options) override { options.argument("bash|zsh|fish", shell_, "the shell"); }

  Exit run(Context& context) override {
    if (shell_ == "bash")
      context.out().write(bash_script());
    else if (shell_ == "zsh")
      context.out().write(zsh_script());
    else if (shell_ == "fish")
      context.out().write(fish_script());
    else if (shell_ == "man")  // not a shell: the build makes reeve.1 with it
      context.out().write(man_page());
    else
      refuse(Errc::invalid_argument, "'{}' is none of bash, zsh, fish", shell_);
    return Exit::ok;
  }

 private:
  std::string shell_;
};

}  // namespace

const CommandEntry completion_entry{"completion", "Print a completion script for a shell",
                                    "Example:  source <(reeve completion bash)", make_command<Completion>};

}  // namespace reeve::cli
