// SPDX-License-Identifier: MIT
#include "server/status.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace echod;
using nlohmann::json;

namespace {

// The name as the JSON of a server that listens there gives it.
std::string read_back(const std::string& listener) {
    ServerState state;
    state.listeners = {listener};
    return json::parse(format_json(state)).at("listeners").at(0).get<std::string>();
}

// What another writer of JSON makes of it, which replaces what is no UTF-8.
std::string replaced(const std::string& text) {
    const auto replace = json::error_handler_t::replace;
    return json::parse(json(text).dump(-1, ' ', false, replace)).get<std::string>();
}

} // namespace

TEST(Status, JsonKeepsEveryCharacterOfAName) {
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

TEST(Status, JsonReplacesWhatIsNoUtf8) {
    EXPECT_EQ(read_back("a\xff"
                        "b"),
              "a\ufffdb");
    // Continuations alone, cut off, longer than needed, surrogates, beyond the last.
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
    visit_counters(state.counters, Counters{},
                   [&read](std::string_view name, std::uint64_t total, std::uint64_t) {
                       EXPECT_EQ(read.at("counters").at(std::string(name)), total) << name;
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

TEST(Status, TheBytesOfTheScreenSumUp) {
    ServerState state;
    state.counters.bytes_in = 1000;
    state.counters.bytes_restored = 100;
    state.counters.bytes_out = 700;
    state.counters.bytes_dropped = 50;
    state.gauges.kept_bytes = 32'768; // memory for them: it is lent by the piece
    EXPECT_NE(format_status(state).find("1000 in, 700 out, 50 dropped, 350 kept now\n"),
              std::string::npos)
        << format_status(state);
}
