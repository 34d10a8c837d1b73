// SPDX-License-Identifier: MIT
#include "server/stats/counter_table.hpp"
#include "server/stats/json.hpp"
#include "server/stats/openmetrics.hpp"
#include "server/stats/status.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

using namespace echod;
using nlohmann::json;

namespace {

// The name of a listener, read back from the JSON.
std::string read_back(const std::string& listener) {
    ServerState state;
    state.listeners = {listener};
    return json::parse(format_json(state)).at("listeners").at(0).get<std::string>();
}

// The text as nlohmann's JSON writer returns it, which replaces bytes that are not UTF-8.
std::string replaced(const std::string& text) {
    const auto replace = json::error_handler_t::replace;
    return json::parse(json(text).dump(-1, ' ', false, replace)).get<std::string>();
}

} // namespace

TEST(Status, JsonPreservesEveryCharacterOfAName) {
    std::string all;
    for (char c = 1; c < 127; ++c) {
        all += c;
    }
    for (const std::string& text : {all, std::string("a\0b", 3), std::string(), std::string("\x7f"),
                                    std::string("\u0080\u07ff\u0800\ud7ff\ue000\uffff"
                                                "\U00010000\U0010ffff")}) {
        EXPECT_EQ(read_back(text), text);
    }
}

TEST(Status, JsonReplacesBytesThatAreNotUtf8) {
    EXPECT_EQ(read_back("a\xff"
                        "b"),
              "a\ufffdb");
    // Lone continuation bytes, truncated and overlong sequences, surrogates, above U+10FFFF.
    for (const char* text :
         {"\x80", "\xbf\xbf", "\xc3", "\xc3z", "\xe2\x82z", "\xf0\x9f\x98z", "\xc0\xaf", "\xc1\xbf",
          "\xe0\x9f\xbfz", "\xed\xa0\x80z", "\xf0\x8f\xbf\xbfz", "\xf4\x90\x80\x80z", "\xf5z"}) {
        const std::string back = read_back(text);
        EXPECT_NE(back.find("\ufffd"), std::string::npos) << text;
        EXPECT_EQ(back.back() == 'z', std::string(text).back() == 'z') << text;
        EXPECT_EQ(replaced(back), back) << text;
    }
}

TEST(Status, JsonHasEveryCounterAndEveryConnection) {
    ServerState state;
    state.phase = "serving";
    state.uptime = std::chrono::milliseconds(1500);
    state.counters.bytes_in = ~std::uint64_t{0};
    state.gauges.connections = 2;
    state.busiest = {{"\"quoted\"", 7, 8, 9, std::chrono::seconds(3), std::chrono::seconds(1)},
                     {"other", 0, 0, 0, {}, {}}};
    const std::string text = format_json(state);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    const json read = json::parse(text);
    EXPECT_EQ(read.at("schema"), 1);
    EXPECT_EQ(read.at("uptime_seconds"), 1.5);
    EXPECT_EQ(read.at("connections"), 2);
    EXPECT_EQ(read.at("counters").at("bytes_in"), ~std::uint64_t{0});
    visit_counters(state.counters, Counters{}, [&read](const CounterSample& counter) {
        EXPECT_EQ(read.at("counters").at(std::string(counter.name)), counter.total) << counter.name;
    });
    ASSERT_EQ(read.at("busiest").size(), 2U);
    EXPECT_EQ(read.at("busiest")[0], json({{"peer", "\"quoted\""},
                                           {"messages", 7},
                                           {"bytes", 8},
                                           {"kept_bytes", 9},
                                           {"age_seconds", 3.0},
                                           {"idle_seconds", 1.0}}));
    EXPECT_TRUE(read.at("oldest").empty());
}

TEST(Status, TheBytesOfTheStatusAddUp) {
    ServerState state;
    state.counters.bytes_in = 1000;
    state.counters.bytes_restored = 100;
    state.counters.bytes_out = 700;
    state.counters.bytes_dropped = 50;
    state.gauges.buffered_bytes = 32'768; // the memory lent for them, in whole buffers
    EXPECT_NE(format_status(state).find("1000 in, 700 out, 50 dropped, 350 buffered\n"),
              std::string::npos)
        << format_status(state);
}

TEST(Status, TheStatusSaysHowLongTheLoopPolls) {
    ServerState state;
    const auto has = [&state](const char* line) {
        return format_status(state).find(line) != std::string::npos;
    };
    EXPECT_TRUE(has("polling      off (auto); 0ns since the start\n")) << format_status(state);
    state.polling = {false, std::chrono::microseconds(50), std::chrono::milliseconds(1200)};
    EXPECT_TRUE(has("polling      50.0us before sleeping; 1.20s since the start\n"))
        << format_status(state);
}

TEST(CounterTable, EachCounterHasANameOfItsOwnAndAHelpText) {
    std::set<std::string> names;
    visit_counters(Counters{}, Counters{}, [&names](const CounterSample& counter) {
        EXPECT_TRUE(names.insert(std::string(counter.name)).second) << counter.name;
        EXPECT_EQ(counter.info.help.back(), '.') << counter.name;
    });
    EXPECT_EQ(names.size(), kCounterTable.size() + kCloseReasons);
}

TEST(CounterTable, EachMemberOfCountersHasOneRow) {
    constexpr std::size_t kMembers = sizeof(Counters) / sizeof(std::uint64_t) - kCloseReasons;
    EXPECT_EQ(kCounterTable.size(), kMembers + 1) << "and one row for all close reasons";
    const auto rows_of = [](std::uint64_t Counters::*member) {
        return std::count_if(kCounterTable.begin(), kCounterTable.end(),
                             [member](const CounterInfo& row) { return row.member == member; });
    };
    for (const CounterInfo& row : kCounterTable) {
        EXPECT_EQ(rows_of(row.member), 1) << row.name;
    }
}

TEST(OpenMetrics, EachCounterIsASampleAndTheMetadataOfAFamilyComesOnce) {
    ServerState state;
    std::uint64_t value = 1000;
    for (const CounterInfo& row : kCounterTable) {
        if (row.member != nullptr) {
            state.counters.*row.member = value++;
        }
    }
    state.counters.closed[static_cast<std::size_t>(CloseReason::reset)] = value;
    const std::string text = format_openmetrics(state);
    const auto count = [&text](const std::string& part) {
        std::size_t found = 0;
        for (std::size_t at = text.find(part); at != std::string::npos;
             at = text.find(part, at + 1)) {
            ++found;
        }
        return found;
    };
    visit_counters(state.counters, Counters{}, [&](const CounterSample& counter) {
        const std::string label =
            counter.reason.empty() ? "" : fmt::format("{{reason=\"{}\"}}", counter.reason);
        const std::string sample =
            fmt::format("\n{}_total{} {}\n", counter.info.metric, label, counter.total);
        EXPECT_EQ(count(sample), counter.has_metric ? 1U : 0U) << sample;
        EXPECT_EQ(count(fmt::format("# TYPE {} counter\n", counter.info.metric)), 1U);
    });
    EXPECT_EQ(text.substr(text.size() - 6), "# EOF\n");
}
