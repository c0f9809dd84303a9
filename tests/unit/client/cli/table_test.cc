#include "client/cli/table.h"
#include "client/cli/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/terminal.h"

namespace reeve::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Table example() {
  Table table({{"JOB", Table::Align::right}, {"STATE"}, {"NAME"}});
  table.add({"7", {"running", Tone::good}, "resize"});
  table.add({"1234", {"failed", Tone::bad}, "caf\xc3\xa9 and a long name behind it"});
  return table;
}

TEST(Table, AlignsColumnsAndLeavesNoSpacesAtLineEnds) {
  EXPECT_EQ(example().render({}),
            " JOB  STATE    NAME\n"
            "   7  running  resize\n"
            "1234  failed   caf\xc3\xa9 and a long name behind it\n");
}

TEST(Table, ColoursDoNotDisturbTheColumns) {
  const std::string text = example().render({.colour = true});
  EXPECT_THAT(text, HasSubstr("\x1b[32mrunning\x1b[0m  resize\n"));
  EXPECT_THAT(text, HasSubstr("\x1b[31mfailed\x1b[0m   caf"));
}

TEST(Table, OnATerminalTheLastColumnIsCutToItsWidth) {
  EXPECT_THAT(example().render({.width = 26}), HasSubstr("1234  failed   caf\xc3\xa9 and a…\n"));
}

TEST(Table, NamesCannotSteerTheTerminal) {
  Table table({{"NAME"}});
  table.add({std::string("a\x1b[2Jb\nc")});
  EXPECT_THAT(table.render({}), HasSubstr("a?[2Jb c\n"));
}

TEST(Facts, AlignTheirValues) {
  Facts facts;
  facts.add("name", "resize");
  facts.add("queue", "default");
  EXPECT_EQ(facts.render({}), "name   resize\nqueue  default\n");
}

TEST(Facts, OnlyValuesOfSeveralLinesHaveThem) {
  Facts facts;
  facts.add_lines("error", "ValueError: x\nTraceback\n\n  File \"a\x1b.py\"\n", Tone::bad);
  facts.add("worker", "a\nb");
  EXPECT_EQ(facts.render({}),
            "error   ValueError: x\n        Traceback\n          File \"a?.py\"\nworker  a b\n");
}

TEST(Text, AnErrorWithoutFramesIsSaidOnce) {
  EXPECT_EQ(without_echo("TypeError: x\nTypeError: x\n"), "TypeError: x");
  EXPECT_EQ(without_echo("a\nb\na\nb"), "a\nb");
  EXPECT_EQ(without_echo("ValueError: x\nTraceback\n"), "ValueError: x\nTraceback\n");
  EXPECT_EQ(without_echo(""), "");
  EXPECT_EQ(without_echo("\n"), "\n");
  EXPECT_EQ(first_line("a\nb"), "a");
}

TEST(Terminal, ColoursOnlyForPeopleWhoWantThem) {
  EXPECT_TRUE(style_of({.is_terminal = true, .width = 80}).colour);
  EXPECT_FALSE(style_of({.is_terminal = false}).colour);
  EXPECT_FALSE(style_of({.is_terminal = true, .no_color = true, .width = 80}).colour);
  EXPECT_FALSE(style_of({.is_terminal = true, .dumb = true, .width = 80}).colour);
  EXPECT_TRUE(style_of({.is_terminal = false, .force_color = true}).colour);
  EXPECT_EQ(style_of({.is_terminal = false, .width = 80}).width, 0u);
}

}  // namespace
}  // namespace reeve::cli
