// SPDX-License-Identifier: MIT
#include "client/options/parse.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

std::variant<Options, NoRun> parse_machines(std::vector<const char*> words) {
    words.insert(words.begin(), "echoload");
    words.push_back("a:1");
    return parse_options(static_cast<int>(words.size()), words.data());
}

Options taken(const std::vector<const char*>& words) {
    auto parsed = parse_machines(words);
    if (const auto* none = std::get_if<NoRun>(&parsed)) {
        ADD_FAILURE() << none->err;
        return {};
    }
    return std::get<Options>(parsed);
}

std::string not_taken(const std::vector<const char*>& words) {
    auto parsed = parse_machines(words);
    const auto* none = std::get_if<NoRun>(&parsed);
    return none != nullptr ? none->err : "it was taken";
}

std::string error_of_time(const std::string& text) {
    try {
        (void)StartAt::parse(text);
        return "";
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

} // namespace

TEST(StartAt, ATimeIsReadInEachForm) {
    const auto noon = WallTime(std::chrono::seconds(1'795'953'600));
    for (const char* text : {"2026-11-29T12:00:00Z", "2026-11-29T12:00:00.000000Z", "1795953600",
                             "2026-11-29T13:30:00+01:30", "2026-11-28T23:00:00-13:00"}) {
        const StartAt start = StartAt::parse(text);
        EXPECT_EQ(start.at, noon) << text;
        EXPECT_EQ(start.text, text);
    }
    EXPECT_EQ(StartAt::parse("1795953600.25").at, noon + 250ms);
    EXPECT_EQ(StartAt::parse("2026-11-29T12:00:00.25Z").at, noon + 250ms);
    EXPECT_FALSE(StartAt::parse("+5s").at);
    EXPECT_EQ(StartAt::parse("+5s").after, Duration(5s));
    EXPECT_EQ(StartAt::parse("+0").after, Duration(0));
}

TEST(StartAt, WhatIsNoTimeIsRefused) {
    for (const char* text :
         {"", "+", "+5", "+-5s", "+1001h", "12:00", "noon", "-5", "1e99", "99999999999",
          "2026-11-29", "2026-11-29T12:00:00", "2026-11-29 12:00:00Z", "2026-02-30T12:00:00Z",
          "2026-11-29T12:00:00+1:00", "2026-11-29T12:00:00+24:00", "2026-11-29T25:00:00Z",
          "2026-11-29T12:00:00Zx", "2026-11-29T12:00:00+01:00Z"}) {
        EXPECT_NE(error_of_time(text).find("must be a time such as 2026-11-29T12:00:00Z"),
                  std::string::npos)
            << text;
    }
}

TEST(RunPart, ItHasItsShareAndKeepsTheWhole) {
    const Options options = taken({"--part", "2/3", "--seed", "7", "-c", "10", "-n", "100", "-R",
                                   "300", "--connect-rate", "50", "--max-in-flight", "5", "--abuse",
                                   "idle:4,rst:1", "--expect", "idle=keep,rst=close"});
    ASSERT_TRUE(options.part);
    EXPECT_EQ(options.part->text(), "2/3");
    EXPECT_EQ(options.connections, 3U);
    EXPECT_EQ(options.part->connections, 10U);
    EXPECT_EQ(options.part->first_connection, 4U);
    EXPECT_EQ(options.messages, 33U);
    EXPECT_EQ(options.part->messages, 100U);
    EXPECT_DOUBLE_EQ(*options.connect_rate, 15.0);
    EXPECT_DOUBLE_EQ(options.pace->first, 100.0);
    EXPECT_EQ(options.part->pace->first, 300.0);
    EXPECT_EQ(options.max_in_flight, 2U);
    const auto idle = static_cast<std::size_t>(AbuseMode::idle);
    const auto rst = static_cast<std::size_t>(AbuseMode::rst);
    EXPECT_EQ(options.abuse.connections[idle], 1U);
    EXPECT_EQ(options.abuse.connections[rst], 0U);
    EXPECT_TRUE(options.abuse.expected[idle]);
    EXPECT_FALSE(options.abuse.expected[rst]) << "another part has that connection";
    EXPECT_TRUE(options.part->abuse.expected[rst]);
    EXPECT_EQ(options.part->first_abuser, 3U) << "two idle ones and the other one come before";
}

TEST(RunPart, WithoutItNothingIsDivided) {
    EXPECT_FALSE(taken({"-c", "10"}).part);
    const Options whole = taken({"--part", "1/1", "--seed", "7", "-c", "10"});
    EXPECT_EQ(whole.connections, 10U);
    EXPECT_EQ(whole.part->first_connection, 0U);
}

TEST(RunPart, WhatCannotBeDividedIsRefused) {
    const auto has = [](const std::vector<const char*>& words, const char* text) {
        const std::string error = not_taken(words);
        EXPECT_NE(error.find(text), std::string::npos) << error;
    };
    for (const char* text : {"", "1", "0/3", "4/3", "1/0", "1/10001", "1/3/5", "a/b", "-1/3"}) {
        has({"--part", text, "--seed", "7"}, "--part: must be I/N with I from 1 to N");
    }
    has({"--part", "1/3"}, "--part requires --seed");
    has({"--part", "1/3", "--replay", "1:2:3"}, "--part");
    has({"--part", "1/3", "--seed", "7", "-c", "2"},
        "--part 1/3 requires at least 3 --connections, not 2");
    has({"--part", "1/3", "--seed", "7", "-n", "2"},
        "--part 1/3 requires at least 3 --messages, not 2");
    has({"--part", "1/3", "--seed", "7", "-R", "9", "--max-in-flight", "2"},
        "--part 1/3 requires at least 3 --max-in-flight, not 2");
    has({"--part", "3/3", "--seed", "7", "-c", "5", "-t", "2"},
        "--threads 2 requires at least 2 --connections in this part, not 1");
    has({"--part", "1/3", "--seed", "7", "--expect", "idle=keep"}, "there is no idle connection");
}

TEST(Cpus, AListIsThatOfTheLoops) {
    const Options options = taken({"--cpus", "0,2-4,7"});
    EXPECT_EQ(options.cpus, (std::vector<std::uint32_t>{0, 2, 3, 4, 7}));
    EXPECT_EQ(options.threads, 5U);
    EXPECT_EQ(taken({"--cpus", "5"}).cpus, std::vector<std::uint32_t>{5});
    EXPECT_EQ(taken({"--cpus", "3,1"}).cpus, (std::vector<std::uint32_t>{3, 1}))
        << "in the order of the loops";
}

TEST(Cpus, WhatIsNoListIsRefused) {
    for (const char* text : {"", "x", "1-", "-1", "3-1", "1024", "0-1024", "0,", ",0", "0,,1"}) {
        EXPECT_NE(not_taken({"--cpus", text}).find("--cpus: must be processors from 0 to 1023"),
                  std::string::npos)
            << text;
    }
    for (const char* text : {"0,0", "0-2,1"}) {
        EXPECT_NE(not_taken({"--cpus", text}).find("must name each processor once"),
                  std::string::npos)
            << text;
    }
    EXPECT_NE(not_taken({"--cpus", "0-2", "-c", "2"})
                  .find("--cpus: a list of 3 requires at least 3 --connections, not 2"),
              std::string::npos);
    EXPECT_NE(not_taken({"--cpus", "0", "-t", "1"}).find("--cpus excludes --threads"),
              std::string::npos);
}

TEST(Replay, ItIsOneConnectionWithTheMessagesUpToThatOne) {
    const Options options = taken({"--replay", "7:12:41"});
    ASSERT_TRUE(options.replay);
    EXPECT_EQ(options.seed, 7U);
    EXPECT_EQ(options.replay->connection, 12U);
    EXPECT_EQ(options.replay->sequence, 41U);
    EXPECT_EQ(options.connections, 1U);
    EXPECT_EQ(options.messages, 42U);
    EXPECT_FALSE(options.duration);
    EXPECT_EQ(taken({"--replay", "9007199254740991:0:0"}).seed, 9'007'199'254'740'991U);
}

TEST(Replay, WhatIsNoStreamOfARunIsRefused) {
    for (const char* text : {"", "7", "7:1", "::", "7:1:", "x:1:1", "7:-1:1", "7:1:1:1",
                             "9007199254740992:0:0", "7:1:1e15"}) {
        EXPECT_NE(not_taken({"--replay", text}).find("--replay: must be"), std::string::npos)
            << text;
    }
    for (const char* other : {"--connections", "--messages", "--seed", "--threads", "--rate"}) {
        EXPECT_NE(not_taken({"--replay", "7:1:1", other, "1"}).find("excludes"), std::string::npos)
            << other;
    }
    EXPECT_NE(not_taken({"--replay", "7:1:1", "b:1"}).find("--replay requires one TARGET, not 2"),
              std::string::npos);
}
