// SPDX-License-Identifier: MIT
#include "server/start/command_line.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace echod;

namespace {

CommandLine parse(const std::vector<const char*>& arguments) {
    return parse_command_line(arguments);
}

std::string error_of(const std::vector<const char*>& arguments) {
    try {
        (void)parse(arguments);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST(CommandLine, WithoutArgumentsServesWithTheDefaults) {
    const CommandLine line = parse({});
    EXPECT_EQ(line.action, Action::serve);
    EXPECT_EQ(line.config_path, std::nullopt);
    EXPECT_EQ(line.control_path, std::nullopt);
}

TEST(CommandLine, TakesAValueBehindABlankOrAnEqualsSign) {
    const CommandLine line = parse({"--config", "a=b", "--control=c=d"});
    EXPECT_EQ(line.config_path, "a=b");
    EXPECT_EQ(line.control_path, "c=d");
    EXPECT_EQ(parse({"--config", "--status"}).config_path, "--status");
}

TEST(CommandLine, NamesTheRequestToTheRunningDaemon) {
    EXPECT_EQ(parse({"--reload"}).request, "reload");
    EXPECT_EQ(parse({"--status"}).request, "status");
    EXPECT_EQ(parse({"--status", "--status"}).action, Action::request);
    EXPECT_TRUE(parse({"--status", "--watch"}).watch);
    EXPECT_TRUE(parse({"--watch", "--status"}).watch);
    EXPECT_FALSE(parse({"--status"}).watch);
    EXPECT_EQ(parse({"--stats=openmetrics"}).request, "stats openmetrics");
}

TEST(CommandLine, RefusesTwoActions) {
    EXPECT_EQ(error_of({"--reload", "--status"}), "--reload and --status exclude each other");
    EXPECT_EQ(error_of({"--print-config", "--stats", "json"}),
              "--print-config and --stats exclude each other");
}

TEST(CommandLine, RefusesWhatIsMissingEmptyUnknownOrTwice) {
    EXPECT_EQ(error_of({"--config"}), "--config: FILE is missing");
    EXPECT_EQ(error_of({"--control", ""}), "--control: SOCKET must not be empty");
    EXPECT_EQ(error_of({"--config", "a", "--config", "b"}), "--config: is given twice");
    EXPECT_EQ(error_of({"--stats", "json", "--stats", "json"}), "--stats: is given twice");
    EXPECT_EQ(error_of({"--watch"}), "--watch: can be given only with --status");
    EXPECT_EQ(error_of({"--reload", "--watch"}), "--watch: can be given only with --status");
    EXPECT_EQ(error_of({"--status", "--watch=1"}), "--watch: takes no value");
    EXPECT_EQ(error_of({"--stats", "xml"}),
              "--stats: must be json, openmetrics or prometheus, is \"xml\"");
    EXPECT_EQ(error_of({"--status=yes"}), "--status: takes no value");
    EXPECT_EQ(error_of({"--statu"}), "unknown argument: --statu; did you mean --status?");
    EXPECT_EQ(error_of({"--confg=a"}), "unknown argument: --confg=a; did you mean --config?");
    EXPECT_EQ(error_of({"--verbosely"}), "unknown argument: --verbosely");
    EXPECT_EQ(error_of({"-x"}), "unknown argument: -x");
    EXPECT_EQ(error_of({"--", "a"}), "unknown argument: a");
    EXPECT_EQ(error_of({""}), "unknown argument: ");
}

TEST(CommandLine, ReportsTheFirstError) {
    EXPECT_EQ(error_of({"one", "--control="}), "unknown argument: one");
}

TEST(CommandLine, PrefersHelpAndThenTheVersion) {
    EXPECT_EQ(parse({"--bogus", "-h"}).action, Action::help);
    EXPECT_EQ(parse({"--version", "--help", "--status"}).action, Action::help);
    EXPECT_EQ(parse({"--status", "--version", "--reload"}).action, Action::version);
}

TEST(CommandLine, HasAHelpThatFitsATerminal) {
    const std::string text = help_text();
    std::size_t start = 0;
    while (start < text.size()) {
        const std::size_t end = text.find('\n', start);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(end - start, 100U) << text.substr(start, end - start);
        start = end + 1;
    }
    EXPECT_NE(text.find("\n  --config FILE     Read the configuration from FILE [/etc/echod/"),
              std::string::npos)
        << text;
}
