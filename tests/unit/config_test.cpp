// SPDX-License-Identifier: MIT
#include "server/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using namespace echod;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> errors_of(std::string_view text) {
    try {
        (void)parse_config(text, "f.toml");
    } catch (const ConfigError& error) {
        return error.lines();
    }
    return {};
}

} // namespace

TEST(Config, AnEmptyFileIsTheDefaults) {
    EXPECT_EQ(parse_config("", "f.toml"), Config{});
}

TEST(Config, WhatIsPrintedReadsBackTheSame) {
    Config config;
    config.listen = {{"0.0.0.0", "2001:db8::1"}, 0, 1};
    config.limits = {1, 2, WhenFull::evict, 3, 4};
    config.timeouts = {1500ms, 0s, 2h, 3s, 0s};
    config.stats = {250ms};
    config.log = {LogLevel::debug, LogTarget::stderr_stream};
    EXPECT_EQ(parse_config(format_config(config), "f.toml"), config);
    EXPECT_EQ(parse_config(format_config(Config{}), "f.toml"), Config{});
}

TEST(Config, EveryKeyIsPrintedOnce) {
    const std::string text = format_config(Config{});
    EXPECT_EQ(config_keys().size(), 16U);
    for (const std::string& key : config_keys()) {
        const std::string line = "\n" + key.substr(key.find('.') + 1) + " = ";
        EXPECT_NE(text.find(line), std::string::npos) << key;
    }
}

TEST(Config, AnErrorNamesPlaceKeyRuleAndValue) {
    EXPECT_EQ(
        errors_of("[limits]\nquota_messages = -3\n"),
        std::vector<std::string>{"f.toml:2:18: limits.quota_messages: must be 1 to 65535, is -3"});
    EXPECT_EQ(errors_of("[limits]\nwhen_full = \"drop\"\n"),
              std::vector<std::string>{"f.toml:2:13: limits.when_full: must be \"queue\", "
                                       "\"reject\" or \"evict\", is \"drop\""});
}

TEST(Config, AllErrorsOfAFileAreToldInItsOrder) {
    const auto lines = errors_of("[log]\nlevel = \"loud\"\n[limits]\nmax_connections = 0\n"
                                 "nope = 1\n[timeouts]\nidle = \"soon\"\n");
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[0].substr(0, 11), "f.toml:2:9:");
    EXPECT_EQ(lines[1].substr(0, 12), "f.toml:4:19:");
    EXPECT_EQ(lines[2].substr(0, 11), "f.toml:5:1:");
    EXPECT_EQ(lines[3].substr(0, 11), "f.toml:7:8:");
}

TEST(Config, AnUnknownKeyGetsTheNearestOne) {
    const auto has = [](std::string_view text, std::string_view hint) {
        const auto lines = errors_of(text);
        return lines.size() == 1 && lines[0].find(hint) != std::string::npos;
    };
    EXPECT_TRUE(has("[limits]\nquota_mesages = 1\n", "did you mean limits.quota_messages?"));
    EXPECT_TRUE(has("[limit]\n", "did you mean limits?"));
    EXPECT_TRUE(has("[timeouts]\nport = 1\n", "did you mean listen.port?"));
    EXPECT_TRUE(has("port = 1\n", "did you mean listen.port?"));
    EXPECT_TRUE(has("[limits]\nzzzzzzzzzzzz = 1\n", "limits.zzzzzzzzzzzz: unknown key"));
    EXPECT_FALSE(has("[limits]\nzzzzzzzzzzzz = 1\n", "did you mean"));
}

TEST(Config, TypesAreNeverConverted) {
    for (const char* text :
         {"[listen]\nport = 80.0\n", "[listen]\nport = \"80\"\n", "[listen]\nport = true\n",
          "[listen]\naddresses = \"127.0.0.1\"\n", "[listen]\naddresses = []\n",
          "[listen]\naddresses = [1]\n", "[listen]\naddresses = [\"localhost\"]\n",
          "[timeouts]\nidle = 30\n", "[timeouts]\nidle = 30.5\n", "[timeouts]\nidle = \"30\"\n",
          "[timeouts]\nidle = \"-30s\"\n", "[log]\nlevel = 3\n", "[stats]\ninterval = \"1ms\"\n",
          "[timeouts]\nidle = \"25h\"\n", "limits = 3\n", "[[limits]]\n"}) {
        EXPECT_EQ(errors_of(text).size(), 1U) << text;
    }
}

TEST(Config, AnAddressOfAnInterfaceThatIsNotThereIsWrittenRightly) {
    const Config config = parse_config("[listen]\naddresses = [\"fe80::1%no-such-if0\"]\n", "f");
    EXPECT_EQ(config.listen.addresses, std::vector<std::string>{"fe80::1%no-such-if0"});
    EXPECT_EQ(parse_config(format_config(config), "g"), config);
}

TEST(Config, AnAddressEndsWhereItsStringDoes) {
    const auto lines = errors_of("[listen]\naddresses = [\"127.0.0.1\\u0000junk\"]\n");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].find('\0'), std::string::npos);
    EXPECT_NE(lines[0].find("junk"), std::string::npos);
}

TEST(Config, ZeroNeedsNoUnitAndMeansNever) {
    EXPECT_EQ(parse_config("[timeouts]\nidle = 0\nwrite = \"0\"\n", "f").timeouts.idle, 0s);
    EXPECT_EQ(parse_config("[timeouts]\ndrain = \"0\"\n", "f").timeouts.drain, 0s);
}

TEST(Config, WhatIsNoTomlIsOneErrorWithItsPlace) {
    const auto lines = errors_of("[limits]\nmax_connections = = 3\n");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].substr(0, 9), "f.toml:2:");
    EXPECT_NE(lines[0].find("not valid TOML"), std::string::npos);
}

TEST(Config, WhatAReloadCannotChangeIsNamed) {
    Config wanted;
    EXPECT_TRUE(keys_that_need_a_restart(Config{}, wanted).empty());
    wanted.listen = {{"::1"}, 1, 1};
    wanted.log.target = LogTarget::journal;
    wanted.limits.max_connections = 5;
    EXPECT_EQ(keys_that_need_a_restart(Config{}, wanted),
              (std::vector<std::string>{"listen.addresses", "listen.port", "listen.backlog",
                                        "log.target"}));
}

TEST(Config, AFileThatIsNoRegularFileIsRefused) {
    EXPECT_THROW((void)load_config("/"), ConfigError);
    EXPECT_THROW((void)load_config("/nonexistent/echod.toml"), ConfigError);
    EXPECT_THROW((void)load_config("/dev/null"), ConfigError);
}

TEST(Config, NoErrorCarriesControlCharacters) {
    for (const char* text : {"[log]\nlevel = f\x01", "\"\\u001b[31m\" = 1\n",
                             "[log]\nlevel = \"\\u009b31m\"", "\"\\u0085\" = 1\n"}) {
        const auto lines = errors_of(text);
        ASSERT_EQ(lines.size(), 1U) << text;
        for (const char* control : {"\x01", "\x1b", "\xc2\x9b", "\xc2\x85"}) {
            EXPECT_EQ(lines[0].find(control), std::string::npos) << text;
        }
    }
}

TEST(Config, ThousandsOfErrorsAreCountedAndNotTold) {
    std::string text = "[limits]\n";
    for (int i = 0; i < 3000; ++i) {
        text += "k" + std::to_string(i) + " = 1\n";
    }
    const auto lines = errors_of(text);
    ASSERT_EQ(lines.size(), 101U);
    EXPECT_EQ(lines.back(), "f.toml: and 2900 more errors");
}
