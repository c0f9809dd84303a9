// Options: what one command takes, declared once. Parsing, --help, shell completion and the man page all read
// it.
//
// Why not CLI11, which the daemons use: here "--" ends our words and begins a task's command, "-q" of submit
// names a queue or means quiet, "-5" may be a number for a function, and a script that calls `reeve` a
// thousand times pays for every microsecond of start-up.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace reeve::cli {

// One flag ("--wait") or value option ("-n, --name NAME").
struct Option {
  char letter = 0;   // 0: none
  std::string name;  // without the dashes
  std::string meta;  // what the value is called; empty: a flag
  std::string help;
  std::function<Result<void>(std::string_view)> set;
  std::vector<std::string> choices;
  bool common = false;  // one that every command has
};

struct Argument {
  std::string name;
  std::string help;
  bool required = true;
  bool many = false;
  std::vector<std::string>* to_many = nullptr;
  std::string* to_one = nullptr;
};

class Options {
 public:
  // `names` is "--long" or "-l,--long".
  void flag(std::string_view names, bool& to, std::string_view help);
  void text(std::string_view names, std::string& to, std::string_view meta, std::string_view help);
  void texts(std::string_view names, std::vector<std::string>& to, std::string_view meta,
             std::string_view help);
  void choice(std::string_view names, std::string& to, std::vector<std::string> choices,
              std::string_view help);
  void duration(std::string_view names, std::optional<Duration>& to, std::string_view help);
  template <std::integral Number>
  void number(std::string_view names, Number& to, std::string_view meta, std::string_view help);
  template <std::integral Number>
  void number(std::string_view names, std::optional<Number>& to, std::string_view meta,
              std::string_view help);

  void argument(std::string_view name, std::string& to, std::string_view help, bool required = true);
  void arguments(std::string_view name, std::vector<std::string>& to, std::string_view help,
                 bool required = true);
  // The first word that is no option, or the first behind "--", and all that follow it, as they are.
  void command_line(std::string_view name, std::vector<std::string>& to, std::string_view help);

  // "-q WORD" is the queue, "-q" alone what --quiet is (submit). --quiet must be declared too.
  void queue_or_quiet(std::string& queue);

  // From here on, options that every command has: listed apart in the help.
  void begin_common() { common_ = true; }

  // In two steps, so that --help needs no arguments: sets what the options say and returns the other words;
  // then gives those to the arguments. Errors: invalid_argument, naming the word.
  Result<std::vector<std::string>> scan(const std::vector<std::string>& words) const;
  Result<void> place(std::vector<std::string> words) const;

  bool has(char letter) const { return find(letter) != nullptr; }
  const std::vector<Option>& options() const { return options_; }
  const std::vector<Argument>& positionals() const { return arguments_; }
  // "[options] JOB…"
  std::string usage() const;
  // The lists of arguments and options, for --help.
  std::string help() const;

 private:
  Option& add(std::string_view names, std::string_view meta, std::string_view help);
  void number_option(std::string_view names, std::string_view meta, std::string_view help, std::int64_t min,
                     std::int64_t max, std::function<void(std::int64_t)> set);
  const Option* find(std::string_view name) const;
  const Option* find(char letter) const;
  // How many words the option at the front of `words` took.
  Result<std::size_t> parse_long(const std::vector<std::string>& words, std::size_t at) const;
  Result<std::size_t> parse_letters(const std::vector<std::string>& words, std::size_t at) const;

  std::vector<Option> options_;
  std::vector<Argument> arguments_;
  bool takes_command_ = false;
  bool queue_or_quiet_ = false;
  bool common_ = false;
};

// How an option is written for a reader: "-n, --name NAME".
std::string spelled(const Option& option);

// The known word that `word` most likely stands for; empty: none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

template <std::integral Number>
void Options::number(std::string_view names, Number& to, std::string_view meta, std::string_view help) {
  using Limits = std::numeric_limits<Number>;
  constexpr auto max = static_cast<std::int64_t>(std::min<std::uint64_t>(
      static_cast<std::uint64_t>(Limits::max()), std::numeric_limits<std::int64_t>::max()));
  number_option(names, meta, help, static_cast<std::int64_t>(Limits::min()), max,
                [&to](std::int64_t value) { to = static_cast<Number>(value); });
}

template <std::integral Number>
void Options::number(std::string_view names, std::optional<Number>& to, std::string_view meta,
                     std::string_view help) {
  using Limits = std::numeric_limits<Number>;
  constexpr auto max = static_cast<std::int64_t>(std::min<std::uint64_t>(
      static_cast<std::uint64_t>(Limits::max()), std::numeric_limits<std::int64_t>::max()));
  number_option(names, meta, help, static_cast<std::int64_t>(Limits::min()), max,
                [&to](std::int64_t value) { to = static_cast<Number>(value); });
}

}  // namespace reeve::cli
