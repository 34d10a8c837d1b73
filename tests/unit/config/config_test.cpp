// SPDX-License-Identifier: MIT
#include "server/config/reader.hpp"
#include "server/config/schema.hpp"
#include "server/config/writer.hpp"

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

TEST(Config, AnEmptyFileGivesTheDefaults) {
    EXPECT_EQ(parse_config("", "f.toml"), Config{});
}

TEST(Config, APrintedConfigurationReadsBackEqual) {
    Config config;
    config.listen = {{"0.0.0.0", "2001:db8::1"},
                     0,
                     1,
                     OnMissing::error,
                     IncomingCpu::own,
                     ProxyProtocol::required,
                     {"192.0.2.0/24", "::1"}};
    config.limits = {1, 2, 56, WhenFull::evict, 3, 65536, 4};
    config.per_ip_exempt = {"192.0.2.0/24", "2001:db8::1"};
    config.timeouts = {1500ms, 0s, 2h, 3s, 0s};
    config.stats = {250ms};
    config.log = {LogLevel::debug, LogTarget::stderr_stream};
    EXPECT_EQ(parse_config(format_config(config), "f.toml"), config);
    EXPECT_EQ(parse_config(format_config(Config{}), "f.toml"), Config{});
}

TEST(Config, ARequiredPROXYHeaderNeedsANetworkThatMaySendIt) {
    const auto error = [](const std::string& listen) {
        try {
            (void)parse_config("[listen]\n" + listen, "f.toml");
        } catch (const ConfigError& wrong) {
            return std::string(wrong.what());
        }
        return std::string();
    };
    EXPECT_EQ(
        error("proxy_protocol = \"required\"\n"),
        "f.toml:2:18: listen.proxy_protocol: must be \"off\" while listen.proxy_from lists no "
        "network, is \"required\"; list the networks of the load balancers there, such as "
        "[\"192.0.2.10\"]");
    EXPECT_EQ(error("proxy_protocol = \"required\"\nproxy_from = [\"::1\"]\n"), "");
    EXPECT_EQ(error("proxy_protocol = \"off\"\n"), "");
    EXPECT_EQ(error("proxy_from = [\"192.0.2.0/24\"]\n"), "");
}

TEST(Config, EveryKeyIsPrintedOnce) {
    const std::string text = format_config(Config{});
    EXPECT_EQ(config_keys().size(), 24U);
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

TEST(Config, AllErrorsAreReportedInTheOrderOfTheFile) {
    const auto lines = errors_of("[log]\nlevel = \"loud\"\n[limits]\nmax_connections = 0\n"
                                 "nope = 1\n[timeouts]\nidle = \"soon\"\n");
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[0].substr(0, 11), "f.toml:2:9:");
    EXPECT_EQ(lines[1].substr(0, 12), "f.toml:4:19:");
    EXPECT_EQ(lines[2].substr(0, 11), "f.toml:5:1:");
    EXPECT_EQ(lines[3].substr(0, 11), "f.toml:7:8:");
}

TEST(Config, AnUnknownKeyGetsASuggestion) {
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

TEST(Config, AnAddressOfAMissingInterfaceIsValid) {
    const Config config = parse_config("[listen]\naddresses = [\"fe80::1%no-such-if0\"]\n", "f");
    EXPECT_EQ(config.listen.addresses, std::vector<std::string>{"fe80::1%no-such-if0"});
    EXPECT_EQ(parse_config(format_config(config), "g"), config);
}

TEST(Config, AnAddressThatContainsANulIsRefused) {
    const auto lines = errors_of("[listen]\naddresses = [\"127.0.0.1\\u0000junk\"]\n");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].find('\0'), std::string::npos);
    EXPECT_NE(lines[0].find("junk"), std::string::npos);
}

TEST(Config, ZeroNeedsNoUnit) {
    EXPECT_EQ(parse_config("[timeouts]\nidle = 0\nwrite = \"0\"\n", "f").timeouts.idle, 0s);
    EXPECT_EQ(parse_config("[timeouts]\ndrain = \"0\"\n", "f").timeouts.drain, 0s);
}

TEST(Config, BusyPollIsAutoOrADurationOrZero) {
    const auto busy_poll = [](const std::string& value) {
        return parse_config("[loop]\nbusy_poll = " + value + "\n", "f").loop.busy_poll;
    };
    EXPECT_EQ(Config().loop.busy_poll, std::nullopt);
    EXPECT_EQ(busy_poll("\"auto\""), std::nullopt);
    EXPECT_EQ(busy_poll("\"50us\""), 50us);
    EXPECT_EQ(busy_poll("\"0\""), 0us);
    EXPECT_EQ(busy_poll("0"), 0us);
    Config config;
    config.loop.busy_poll = 20us;
    EXPECT_EQ(parse_config(format_config(config), "g"), config);
}

TEST(Config, InvalidTomlIsOneErrorWithItsPosition) {
    const auto lines = errors_of("[limits]\nmax_connections = = 3\n");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].substr(0, 9), "f.toml:2:");
    EXPECT_NE(lines[0].find("not valid TOML"), std::string::npos);
}

TEST(Config, AddressesThatCanNeverBeBoundTogetherAreRefusedInTheirPlace) {
    const auto error_of = [](const std::string& list) {
        const auto lines = errors_of("[listen]\naddresses = [" + list + "]\n");
        return lines.size() == 1 ? lines.front() : "not one error";
    };
    EXPECT_EQ(error_of("'::1', '127.0.0.1', '0:0::0001'"),
              "f.toml:2:34: listen.addresses: must have each address once, is \"0:0::0001\" after "
              "\"::1\"");
    EXPECT_EQ(error_of("'127.0.0.1', '0.0.0.0'"),
              "f.toml:2:14: listen.addresses: must not have \"127.0.0.1\" beside \"0.0.0.0\", "
              "which includes it");
    EXPECT_EQ(
        error_of("'::', '::1'"),
        "f.toml:2:20: listen.addresses: must not have \"::1\" beside \"::\", which includes it");
    EXPECT_EQ(
        error_of("'*', '::'"),
        "f.toml:2:19: listen.addresses: must not have \"::\" beside \"*\", which includes it");
    EXPECT_EQ(error_of("'::ffff:127.0.0.1'"),
              "f.toml:2:14: listen.addresses: must be the IPv4 address \"127.0.0.1\", is its "
              "IPv4-mapped form \"::ffff:127.0.0.1\"");
    EXPECT_EQ(error_of("'fe80::1'"),
              "f.toml:2:14: listen.addresses: must name the interface of a link-local address, as "
              "\"fe80::1%eth0\", is \"fe80::1\"");
}

TEST(Config, AddressesThatCanBeBoundTogetherAreAllowed) {
    for (const char* list : {"'*'", "'0.0.0.0', '::'", "'0.0.0.0', '::1'", "'127.0.0.1', '::'",
                             "'fe80::1%eth0', 'fe80::1%eth1'"}) {
        EXPECT_NO_THROW(
            (void)parse_config(std::string("[listen]\naddresses = [") + list + "]\n", "f"))
            << list;
    }
}

TEST(Config, OnlyARegularFileIsRead) {
    EXPECT_THROW((void)load_config("/"), ConfigError);
    EXPECT_THROW((void)load_config("/nonexistent/echod.toml"), ConfigError);
    EXPECT_THROW((void)load_config("/dev/null"), ConfigError);
}

TEST(Config, ErrorsContainNoControlCharacters) {
    for (const char* text : {"[log]\nlevel = f\x01", "\"\\u001b[31m\" = 1\n",
                             "[log]\nlevel = \"\\u009b31m\"", "\"\\u0085\" = 1\n"}) {
        const auto lines = errors_of(text);
        ASSERT_EQ(lines.size(), 1U) << text;
        for (const char* control : {"\x01", "\x1b", "\xc2\x9b", "\xc2\x85"}) {
            EXPECT_EQ(lines[0].find(control), std::string::npos) << text;
        }
    }
}

TEST(Config, OnlyTheFirstErrorsAreListedAndTheRestCounted) {
    std::string text = "[limits]\n";
    for (int i = 0; i < 3000; ++i) {
        text += "k" + std::to_string(i) + " = 1\n";
    }
    const auto lines = errors_of(text);
    ASSERT_EQ(lines.size(), 101U);
    EXPECT_EQ(lines.back(), "f.toml: and 2900 more");
}

TEST(Config, NoFileOfTheAllowedSizeIsNestedTooDeeplyForTheParser) {
    constexpr std::size_t kSize = 1024 * 1024 - 10;
    const auto filled = [](std::string text, std::string_view part) {
        while (text.size() + part.size() < kSize) {
            text += part;
        }
        return text;
    };
    for (const std::string_view part :
         {"a.", "a . ", "'a'.", R"("\"".)", R"("\\".)", "[", "{a=", "{a.a.a=", "[\n#'\n",
          "['',\"\"\"\"\"\",'''''',\n'''''''',"}) {
        for (const char* begin : {"", "[[", "x = '''\n'' ''''' # '''\ny."}) {
            for (const char* end : {"", "a = 1\n", "a]]\n"}) {
                const auto lines = errors_of(filled(begin, part) + end);
                EXPECT_EQ(lines.size(), 1U) << begin << part << end;
            }
        }
    }
}

TEST(Config, TheErrorOfADeepKeyOrArrayNamesItsPlace) {
    std::string key = "[log]\nx = 1\n";
    for (int part = 0; part < 16; ++part) {
        key += "\"\u00e9.\".";
    }
    EXPECT_EQ(errors_of(key + "a = 1\n"),
              std::vector<std::string>{"f.toml:3:80: a key must have at most 16 parts"});
    EXPECT_EQ(
        errors_of("a = " + std::string(17, '[') + std::string(17, ']')),
        std::vector<std::string>{"f.toml:1:21: arrays and tables must be nested at most 16 deep"});
    // Of two errors the first is reported.
    const auto lines = errors_of("[limits\n" + std::string(17, '['));
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_NE(lines[0].find("f.toml:1:8: not valid TOML"), std::string::npos) << lines[0];
}

TEST(Config, DotsAndBracketsInStringsAndCommentsAreNotNested) {
    const std::string dots(100, '.');
    const std::string brackets(100, '[');
    for (const std::string& text :
         {"# " + dots + brackets, "listen.addresses = ['::1'] # " + dots + "\n#" + brackets,
          "[log]\nlevel = '" + dots + brackets + "'",
          "[log]\nlevel = \"\\\"" + dots + brackets + "\"",
          "[log]\nlevel = '''\n" + dots + "'\n" + brackets + "''''",
          "[log]\nlevel = \"\"\"\n" + dots + "\\\"\"\"" + brackets + "\n\"\"\"\"\""}) {
        for (const std::string& line : errors_of(text)) {
            EXPECT_NE(line.find("log.level: must be"), std::string::npos) << line;
        }
    }
    std::string many = "listen.addresses = [";
    for (int part = 0; part < 100; ++part) {
        many += "'::" + std::to_string(part + 1) + "', \"127.0.0." + std::to_string(part) + "\",\n";
    }
    EXPECT_EQ(parse_config(many + "]", "f").listen.addresses.size(), 200U);
}
