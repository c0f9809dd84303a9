#include "client/cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "client/cli/table.h"
#include "common/base/assert.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

bool looks_like_option(std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return false;
  return !(word[1] >= '0' && word[1] <= '9') && word[1] != '.';  // "-5" is a number, "-" standard input
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// Appends `text` in lines of at most `width` columns, each after the first indented.
void append_wrapped(std::string& out, std::string_view text, std::size_t indent, std::size_t width) {
  std::size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (column > indent && column + 1 + word.size() > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += display_width(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  out += '\n';
}

constexpr std::size_t help_column = 30;
constexpr std::size_t help_width = 100;

void append_entry(std::string& out, std::string_view left, std::string_view help) {
  out += "  ";
  out += left;
  if (const std::size_t used = 2 + display_width(left); used + 2 > help_column) {
    out += '\n';
    out.append(help_column, ' ');
  } else {
    out.append(help_column - used, ' ');
  }
  append_wrapped(out, help, help_column, help_width);
}

}  // namespace

std::string spelled(const Option& option) {
  std::string text =
      option.letter ? fmt::format("-{}, --{}", option.letter, option.name) : "--" + option.name;
  if (!option.meta.empty()) text += " " + option.meta;
  return text;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = candidate.starts_with(word) ? 1 : edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

Option& Options::add(std::string_view names, std::string_view meta, std::string_view help) {
  Option option;
  if (names.size() > 3 && names[0] == '-' && names[1] != '-' && names[2] == ',') {
    option.letter = names[1];
    names.remove_prefix(3);
  }
  ASSERT(names.starts_with("--"), "'{}' has no long name", names);
  option.name = names.substr(2);
  option.meta = meta;
  option.help = help;
  option.common = common_;
  return options_.emplace_back(std::move(option));
}

void Options::flag(std::string_view names, bool& to, std::string_view help) {
  add(names, "", help).set = [&to](std::string_view) -> Result<void> {
    to = true;
    return {};
  };
}

void Options::text(std::string_view names, std::string& to, std::string_view meta, std::string_view help) {
  add(names, meta, help).set = [&to](std::string_view value) -> Result<void> {
    to = value;
    return {};
  };
}

void Options::texts(std::string_view names, std::vector<std::string>& to, std::string_view meta,
                    std::string_view help) {
  add(names, meta, help).set = [&to](std::string_view value) -> Result<void> {
    to.emplace_back(value);
    return {};
  };
}

void Options::choice(std::string_view names, std::string& to, std::vector<std::string> choices,
                     std::string_view help) {
  Option& option = add(names, fmt::format("{}", fmt::join(choices, "|")), help);
  option.choices = std::move(choices);
  option.set = [&to, choices = option.choices](std::string_view value) -> Result<void> {
    if (std::ranges::find(choices, value) == choices.end())
      return fail(Errc::invalid_argument, "'{}' is none of {}", value, fmt::join(choices, ", "));
    to = value;
    return {};
  };
}

void Options::duration(std::string_view names, std::optional<Duration>& to, std::string_view help) {
  add(names, "TIME", help).set = [&to](std::string_view value) -> Result<void> {
    const Result<Duration> parsed = parse_duration(value);
    if (!parsed) return fail(parsed.error());
    to = *parsed;
    return {};
  };
}

void Options::number_option(std::string_view names, std::string_view meta, std::string_view help,
                            std::int64_t min, std::int64_t max, std::function<void(std::int64_t)> set) {
  add(names, meta, help).set = [min, max, set = std::move(set)](std::string_view value) -> Result<void> {
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error == std::errc::invalid_argument || (error == std::errc{} && stop != end) || value.empty())
      return fail(Errc::invalid_argument, "'{}' is not a whole number", value);
    if (error != std::errc{} || number < min || number > max)
      return fail(Errc::invalid_argument, "{} is not between {} and {}", value, min, max);
    set(number);
    return {};
  };
}

void Options::argument(std::string_view name, std::string& to, std::string_view help, bool required) {
  arguments_.push_back(
      {.name = std::string(name), .help = std::string(help), .required = required, .to_one = &to});
}

void Options::arguments(std::string_view name, std::vector<std::string>& to, std::string_view help,
                        bool required) {
  arguments_.push_back({.name = std::string(name),
                        .help = std::string(help),
                        .required = required,
                        .many = true,
                        .to_many = &to});
}

void Options::command_line(std::string_view name, std::vector<std::string>& to, std::string_view help) {
  arguments(name, to, help);
  takes_command_ = true;
}

void Options::queue_or_quiet(std::string& queue) {
  text("-q,--queue", queue, "QUEUE",
       "the queue of the tasks (default: default); -q without a name means --quiet");
  queue_or_quiet_ = true;
}

const Option* Options::find(std::string_view name) const {
  const auto found = std::ranges::find(options_, name, &Option::name);
  return found == options_.end() ? nullptr : &*found;
}

const Option* Options::find(char letter) const {
  const auto found = std::ranges::find(options_, letter, &Option::letter);
  return found == options_.end() ? nullptr : &*found;
}

Result<std::size_t> Options::parse_long(const std::vector<std::string>& words, std::size_t at) const {
  const std::string_view word = std::string_view{words[at]}.substr(2);
  const auto equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const Option* option = find(name);
  if (!option) {
    std::vector<std::string> known;
    for (const Option& each : options_) known.push_back(each.name);
    const std::string meant = nearest(name, known);
    return fail(Errc::invalid_argument, "there is no option --{}{}", name,
                meant.empty() ? "" : fmt::format(" (did you mean --{}?)", meant));
  }
  std::string_view value;
  std::size_t used = 1;
  if (option->meta.empty()) {
    if (equals != word.npos) return fail(Errc::invalid_argument, "--{} takes no value", name);
  } else if (equals != word.npos) {
    value = word.substr(equals + 1);
  } else if (at + 1 < words.size()) {
    value = words[at + 1];
    used = 2;
  } else {
    return fail(Errc::invalid_argument, "--{} needs a value: --{} {}", name, name, option->meta);
  }
  if (const Result<void> set = option->set(value); !set)
    return fail(Errc::invalid_argument, "--{}: {}", name, set.error().detail);
  return used;
}

// "-n NAME", "-nNAME", and flags behind one dash ("-qj").
Result<std::size_t> Options::parse_letters(const std::vector<std::string>& words, std::size_t at) const {
  const std::string_view word = words[at];
  for (std::size_t i = 1; i < word.size(); ++i) {
    const Option* option = find(word[i]);
    if (!option) return fail(Errc::invalid_argument, "there is no option -{}", word[i]);
    if (option->meta.empty()) {
      if (const Result<void> set = option->set(""); !set) return fail(set.error());
      continue;
    }
    std::string_view value = word.substr(i + 1);
    const bool next_word = value.empty();
    if (queue_or_quiet_ && option->letter == 'q' && next_word &&
        (at + 1 >= words.size() || words[at + 1].starts_with('-'))) {
      if (const Result<void> set = find("quiet")->set(""); !set) return fail(set.error());
      return 1;
    }
    if (next_word && at + 1 >= words.size())
      return fail(Errc::invalid_argument, "-{} needs a value: -{} {}", word[i], word[i], option->meta);
    if (next_word) value = words[at + 1];
    if (const Result<void> set = option->set(value); !set)
      return fail(Errc::invalid_argument, "-{}: {}", word[i], set.error().detail);
    return next_word ? 2 : 1;
  }
  return 1;
}

Result<std::vector<std::string>> Options::scan(const std::vector<std::string>& words) const {
  std::vector<std::string> rest;
  for (std::size_t at = 0; at < words.size();) {
    const std::string& word = words[at];
    const bool dashes = word == "--";
    if (dashes || (takes_command_ && !looks_like_option(word))) {
      rest.insert(rest.end(), words.begin() + static_cast<std::ptrdiff_t>(at) + (dashes ? 1 : 0),
                  words.end());
      break;
    }
    if (!looks_like_option(word)) {
      rest.push_back(word);
      ++at;
      continue;
    }
    const Result<std::size_t> used = word[1] == '-' ? parse_long(words, at) : parse_letters(words, at);
    if (!used) return fail(used.error());
    at += *used;
  }
  return rest;
}

// Gives each positional word to its argument.
Result<void> Options::place(std::vector<std::string> words) const {
  auto word = words.begin();
  for (const Argument& argument : arguments_) {
    if (argument.required && word == words.end())
      return fail(Errc::invalid_argument, "{} is missing", argument.name);
    if (argument.many) {
      argument.to_many->assign(std::make_move_iterator(word), std::make_move_iterator(words.end()));
      word = words.end();
    } else if (word != words.end()) {
      *argument.to_one = std::move(*word++);
    }
  }
  if (word != words.end()) return fail(Errc::invalid_argument, "'{}' is one argument too many", *word);
  return {};
}

std::string Options::usage() const {
  std::string text = "[options]";
  if (takes_command_) text += " --";
  for (const Argument& argument : arguments_) {
    std::string name = argument.name;
    if (argument.many && !takes_command_) name += "…";
    text += argument.required ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string Options::help() const {
  std::string out;
  if (!arguments_.empty()) out += "\nArguments:\n";
  for (const Argument& argument : arguments_) append_entry(out, argument.name, argument.help);
  for (const bool common : {false, true}) {
    const auto shown = [common](const Option& option) { return option.common == common; };
    if (std::ranges::none_of(options_, shown)) continue;
    out += common ? "\nOptions of every command:\n" : "\nOptions:\n";
    for (const Option& option : options_)
      if (shown(option)) append_entry(out, (option.letter ? "" : "    ") + spelled(option), option.help);
  }
  return out;
}

}  // namespace reeve::cli
