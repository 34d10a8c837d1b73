// SPDX-License-Identifier: MIT
#include "client/options/parse.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

std::variant<Options, NoRun> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "echoload");
    return parse_options(static_cast<int>(words.size()), words.data());
}

Options accepted(const std::vector<const char*>& words) {
    auto parsed = parse(words);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        ADD_FAILURE() << none->err;
        return {};
    }
    return std::get<Options>(parsed);
}

std::string refused(const std::vector<const char*>& words) {
    auto parsed = parse(words);
    const auto* none = std::get_if<NoRun>(&parsed);
    if (none == nullptr) {
        ADD_FAILURE() << "it was taken";
        return {};
    }
    EXPECT_EQ(none->exit_code, 2);
    EXPECT_EQ(none->out, "");
    EXPECT_EQ(none->err.rfind("echoload: ", 0), 0U) << none->err;
    EXPECT_EQ(std::count(none->err.begin(), none->err.end(), '\n'), 1) << none->err;
    return none->err;
}

} // namespace

TEST(Options, ATargetAloneGetsTheDefaults) {
    const Options options = accepted({"127.0.0.1:7"});
    EXPECT_EQ(options.targets, std::vector<std::string>{"127.0.0.1:7"});
    EXPECT_EQ(options.connections, 50U);
    EXPECT_EQ(options.duration, Duration(10s));
    EXPECT_FALSE(options.messages);
    EXPECT_EQ(options.pipeline, 1U);
    EXPECT_EQ(options.sizes.text(), "uniform:0-1016");
    EXPECT_EQ(options.timeout, Duration(10s));
    EXPECT_FALSE(options.connect_rate);
    EXPECT_EQ(options.warmup, Duration(0));
    EXPECT_EQ(options.format, Format::text);
    EXPECT_EQ(options.output, "");
    EXPECT_FALSE(options.interval);
    EXPECT_FALSE(options.quiet);
}

TEST(Options, NumbersAreReadAsTheyAreOftenWritten) {
    EXPECT_EQ(accepted({"-n", "1e5", "a:1"}).messages, 100'000U);
    EXPECT_EQ(accepted({"-n", "2.5e3", "a:1"}).messages, 2'500U);
    EXPECT_EQ(accepted({"--rate", "10000/s", "a:1"}).pace->first, 10'000);
    EXPECT_EQ(accepted({"--rate", "1k:2k/s", "a:1"}).pace->last, 2'000);
    EXPECT_EQ(accepted({"--sizes", "64", "a:1"}).sizes.text(), "fixed:64");
    for (const char* text : {"1.5e0", "-1e5", "1e", "1e5x", "1e99", "nan", "1e-3"}) {
        EXPECT_NE(refused({"-n", text, "a:1"}).find("must be 1 to"), std::string::npos) << text;
    }
}

TEST(Options, AMistypedOptionGetsASuggestion) {
    EXPECT_NE(refused({"--conections=3", "a:1"}).find("; did you mean --connections?"),
              std::string::npos);
    EXPECT_EQ(refused({"--zzzzzzzz", "a:1"}).find("did you mean"), std::string::npos);
    EXPECT_EQ(refused({"-Z", "a:1"}).find("did you mean"), std::string::npos);
}

TEST(Options, EveryOptionIsParsed) {
    const Options options =
        accepted({"-c",         "10k",      "-n",  "1.5M",      "-p",     "16", "--sizes",
                  "edges",      "--seed",   "42",  "--timeout", "250ms",  "-q", "--connect-rate",
                  "2k",         "--warmup", "1s",  "--format",  "json",   "-o", "x.json",
                  "--interval", "500ms",    "a:1", "[::1]:2",   "unix:/x"});
    EXPECT_EQ(options.connections, 10'000U);
    EXPECT_EQ(options.messages, 1'500'000U);
    EXPECT_FALSE(options.duration);
    EXPECT_EQ(options.pipeline, 16U);
    EXPECT_EQ(options.sizes.text(), "edges");
    EXPECT_EQ(options.seed, 42U);
    EXPECT_EQ(options.timeout, Duration(250ms));
    EXPECT_EQ(options.connect_rate, 2000.0);
    EXPECT_EQ(options.warmup, Duration(1s));
    EXPECT_EQ(options.format, Format::json);
    EXPECT_EQ(options.output, "x.json");
    EXPECT_EQ(options.interval, Duration(500ms));
    EXPECT_TRUE(options.quiet);
    EXPECT_EQ(options.targets.size(), 3U);
}

TEST(Options, ADurationOfForeverHasNoEndOfItsOwn) {
    const Options options = accepted({"a:1", "-d", "forever"});
    EXPECT_TRUE(options.forever);
    EXPECT_FALSE(options.duration || options.messages);
    EXPECT_FALSE(accepted({"a:1", "-d", "1s"}).forever);
}

TEST(Options, AnInvalidValueIsReportedInOneLineWithTheValidOnes) {
    const struct {
        std::vector<const char*> words;
        const char* named;
        const char* right;
    } cases[] = {
        {{}, "TARGET", "required"},
        {{"a:1", "-c", "0"}, "--connections", "1 to 1000000"},
        {{"a:1", "-c", "-5"}, "--connections", "1 to 1000000"},
        {{"a:1", "-c", "ten"}, "--connections", "'ten'"},
        {{"a:1", "-c", "1.5"}, "--connections", "'1.5'"},
        {{"a:1", "-n", "0"}, "--messages", "1 to"},
        {{"a:1", "-d", "10"}, "--duration", "ms, s, m"},
        {{"a:1", "-d", "0s"}, "--duration", "1ms to"},
        {{"a:1", "-p", "65537"}, "--pipeline", "1 to 65536"},
        {{"a:1", "--sizes", "fixed:1017"}, "--sizes", "0 to 1016"},
        {{"a:1", "--seed", "9007199254740992"}, "--seed", "9007199254740991"},
        {{"a:1", "--timeout", "0s"}, "--timeout", "1ms to 1h"},
        {{"a:1", "--connect-rate", "0"}, "--connect-rate", "1 to"},
        {{"a:1", "--format", "xml"}, "--format", "text, json or nagios"},
        {{"a:1", "--interval", "1ms"}, "--interval", "10ms"},
        {{"a:1", "-d", "1s", "-n", "5"}, "--messages", "--duration"},
        {{"a:1", "-t", "0"}, "--threads", "1 to"},
        {{"a:1", "--conn-messages", "0"}, "--conn-messages", "1 to"},
        {{"a:1", "--source", "eth0"}, "--source", "127.0.0.0/8"},
        {{"a:1", "--think", "2h"}, "--think", "1h"},
        {{"a:1", "--busy-poll", "2s"}, "--busy-poll", "1s"},
        {{"a:1", "--think", "1s", "-R", "5"}, "--think", "--rate"},
        {{"a:1", "--close", "both"}, "--close", "fin, half or rst"},
        {{"a:1", "-t", "51"}, "--threads", "--connections"},
        {{"a:1", "-t", "9", "-R", "1", "--max-in-flight", "8"}, "--threads", "--max-in-flight"},
        {{"a:1", "-R", "0"}, "--rate", "1 to"},
        {{"a:1", "-R", "10:x"}, "--rate", "0 to"},
        {{"a:1", "-R", "0:0"}, "--rate", "not be 0"},
        {{"a:1", "-R", "1:2", "-n", "5"}, "--rate", "--messages"},
        {{"a:1", "-R", "1:2", "-d", "forever"}, "--rate", "forever"},
        {{"a:1", "-R", "1", "--arrival", "uniform"}, "--arrival", "const or poisson"},
        {{"a:1", "--arrival", "poisson"}, "--arrival", "--rate"},
        {{"a:1", "--max-in-flight", "5"}, "--max-in-flight", "--rate"},
        {{"a:1", "--no-such-option"}, "--no-such-option", ""},
        {{"a:1", "-c"}, "--connections", ""},
    };
    for (const auto& each : cases) {
        const std::string error = refused(each.words);
        EXPECT_NE(error.find(each.named), std::string::npos) << error;
        EXPECT_NE(error.find(each.right), std::string::npos) << error;
    }
}

TEST(Options, TheEndOfConnectionsIsParsed) {
    EXPECT_FALSE(accepted({"a:1"}).conn_messages);
    EXPECT_EQ(accepted({"a:1"}).close, Close::fin);
    const Options options = accepted({"a:1", "--conn-messages", "1k", "--close", "half"});
    EXPECT_EQ(options.conn_messages, 1000U);
    EXPECT_EQ(options.close, Close::half);
    EXPECT_EQ(accepted({"a:1", "--close", "rst"}).close, Close::reset);
}

TEST(Options, AThinkTimeIsParsed) {
    EXPECT_EQ(accepted({"a:1"}).busy_poll, Duration(0));
    EXPECT_EQ(accepted({"a:1", "--busy-poll", "50us"}).busy_poll, Duration(50us));
    EXPECT_EQ(accepted({"a:1"}).think, Duration(0));
    EXPECT_EQ(accepted({"a:1", "--think", "20ms"}).think, Duration(20ms));
}

TEST(Options, OneLoopIsTheDefault) {
    EXPECT_EQ(accepted({"a:1"}).threads, 1U);
    EXPECT_EQ(accepted({"a:1", "-t", "50"}).threads, 50U);
}

TEST(Options, ARateMakesTheLoopOpen) {
    EXPECT_FALSE(accepted({"a:1"}).pace);
    const Options even = accepted({"-R", "10k", "a:1"});
    EXPECT_EQ(even.pace->first, 10'000);
    EXPECT_FALSE(even.pace->is_ramp());
    EXPECT_EQ(even.arrival, Arrival::constant);
    EXPECT_EQ(even.max_in_flight, 100'000U);
    const Options ramp = accepted(
        {"--rate", "0:2k", "--arrival", "poisson", "--max-in-flight", "1k", "-d", "5s", "a:1"});
    EXPECT_EQ(ramp.pace->first, 0);
    EXPECT_EQ(ramp.pace->last, 2000);
    EXPECT_EQ(ramp.arrival, Arrival::poisson);
    EXPECT_EQ(ramp.max_in_flight, 1000U);
}

TEST(Options, StagesOfARateHaveLengthsAndSetThatOfTheRun) {
    const Options options = accepted({"--rate", "1k@30s,0@5s,0:5k/s@1m", "a:1"});
    ASSERT_EQ(options.pace->stages.size(), 3U);
    EXPECT_EQ(options.pace->stages[1].first, 0);
    EXPECT_EQ(options.pace->stages[2].last, 5000);
    EXPECT_EQ(options.pace->stages[2].length, Duration(1min));
    EXPECT_EQ(options.pace->first, 1000);
    EXPECT_EQ(options.pace->last, 5000);
    EXPECT_EQ(options.duration, Duration(95s));
    EXPECT_EQ(accepted({"-R", "5k@3s", "-d", "3s", "a:1"}).duration, Duration(3s));
    const auto names = [](const char* rate, const char* what) {
        const std::string error = refused({"-R", rate, "a:1"});
        EXPECT_NE(error.find(what), std::string::npos) << error;
    };
    names("1k@30s,5k", "each stage must be N@T or A:B@T");
    names("1k@", "-R,--rate: must be a number with ns");
    names("1k@5s,", "each stage must be");
    names("0@5s,0@1s", "one of them with a rate above 0");
    names("0:0@5s", "must not be 0 at both ends");
    names("1k@600h,1k@600h", "of at most 1000h together");
    EXPECT_NE(refused({"-R", "1k@2s,0@1s", "-d", "5s", "a:1"})
                  .find("--duration 5s differs from the 3s of the stages of --rate"),
              std::string::npos);
    EXPECT_NE(refused({"-R", "1k@2s", "-n", "5", "a:1"}).find("exclude --messages"),
              std::string::npos);
}

TEST(Options, HelpAndVersionGoToStandardOutput) {
    const auto help = std::get<NoRun>(parse({"--help"}));
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.err, "");
    for (const char* word : {"TARGET", "--connections", "--duration", "--messages", "--pipeline",
                             "--sizes", "--seed", "--timeout", "--connect-rate", "--warmup",
                             "--format", "--output", "--interval", "--quiet", "--version"}) {
        EXPECT_NE(help.out.find(word), std::string::npos) << word;
    }
    const auto version = std::get<NoRun>(parse({"--version"}));
    EXPECT_EQ(version.exit_code, 0);
    EXPECT_EQ(version.out.rfind("echoload ", 0), 0U);
}

TEST(Options, WithoutASeedEachRunHasARandomOne) {
    EXPECT_NE(accepted({"a:1"}).seed, accepted({"a:1"}).seed); // equal in one of 2^32 runs
}

namespace {

template <class Enum>
void expect_choices(const char* option) {
    const std::string help = std::get<NoRun>(parse({"--help"})).out;
    const std::size_t begin = help.find(std::string("  ") + option + ' ');
    ASSERT_NE(begin, std::string::npos) << option;
    const std::string entry = help.substr(begin, help.find("\n  -", begin) - begin);
    for (const std::string_view name : echod::kEnumNames<Enum>) {
        EXPECT_NE(entry.find(name), std::string::npos) << option << ' ' << name;
    }
    const std::string error = refused({"a:1", option, "wrong"});
    EXPECT_NE(error.find(echod::enum_choices<Enum>()), std::string::npos) << error;
}

} // namespace

TEST(Options, HelpAndMessagesNameEveryChoice) {
    expect_choices<Arrival>("--arrival");
    expect_choices<Close>("--close");
    expect_choices<Format>("--format");
    expect_choices<OnMismatch>("--on-mismatch");
    expect_choices<Split>("--split");
    expect_choices<VerifyLevel>("--verify");
}

TEST(Options, HelpFitsIn100Columns) {
    const std::string help = std::get<NoRun>(parse({"--help"})).out;
    for (std::size_t begin = 0; begin < help.size();) {
        const std::size_t end = help.find('\n', begin);
        EXPECT_LE(end - begin, 100U) << help.substr(begin, end - begin);
        begin = end + 1;
    }
}

TEST(Options, TheFirstErrorIsReported) {
    // The form, then values in the order of the help, then relations, then operands.
    EXPECT_NE(refused({"-c", "0", "--nope"}).find("'--nope'"), std::string::npos);
    EXPECT_NE(refused({"-p", "0", "-c", "0"}).find("--connections: must"), std::string::npos);
    EXPECT_NE(refused({"--arrival", "x"}).find("--arrival: must"), std::string::npos);
    EXPECT_NE(refused({"--arrival", "const"}).find("--arrival requires --rate"), std::string::npos);
    EXPECT_NE(refused({"-t", "51"}).find("TARGET is required"), std::string::npos);
    EXPECT_EQ(std::get<NoRun>(parse({"-c", "0", "--help"})).exit_code, 0);
}
