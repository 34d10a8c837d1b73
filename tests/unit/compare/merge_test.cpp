// SPDX-License-Identifier: MIT
#include "client/compare/merge.hpp"

#include <gtest/gtest.h>

using namespace echoload;

namespace {

StoredResult part(std::uint64_t messages) {
    StoredResult result;
    result.version = "0.1.0";
    result.seed = messages;
    result.requested = {{"targets", Json::array({"a:1"})}, {"connections", 2U}, {"close", "fin"}};
    result.started = "2026-11-22T21:34:48Z";
    result.window_s = 2.0;
    result.messages.emplace();
    result.messages->sent = messages;
    result.rate = StoredRate{100.0, std::nullopt};
    result.latencies[1] = StoredLatency{"closed", {}};
    result.latencies[1]->histogram.record(Duration(messages));
    result.verdict.outcome = "ok";
    return result;
}

StoredResult merged(StoredResult sum, const StoredResult& part) {
    merge_into(sum, part);
    return sum;
}

} // namespace

TEST(Merge, AddsCountsRatesAndBuckets) {
    const StoredResult sum = merged(part(10), part(20));
    EXPECT_EQ(sum.messages->sent, 30U);
    EXPECT_EQ(sum.rate->messages_per_s, 200.0);
    EXPECT_FALSE(sum.rate->bytes_per_s);
    EXPECT_EQ(sum.find_latency("latency")->histogram.count(), 2U);
    EXPECT_EQ(sum.window_s, 2.0) << "they ran at the same time";
    EXPECT_EQ(sum.requested["connections"], 4);
}

TEST(Merge, WhatCannotBeAddedAndDiffersIsNull) {
    StoredResult other = part(20);
    other.requested["close"] = "half";
    other.requested["targets"] = Json::array({"b:1", "a:1"});
    const StoredResult sum = merged(part(10), other);
    EXPECT_TRUE(sum.seed.is_null());
    EXPECT_EQ(sum.version, "0.1.0");
    EXPECT_TRUE(sum.requested["close"].is_null());
    EXPECT_EQ(sum.requested["targets"], Json::array({"a:1", "b:1"}));
}

TEST(Merge, ARunThatNeverBeganAddsNothing) {
    StoredResult never;
    never.verdict = {"not possible", 1, {"no such host"}};
    for (const StoredResult& sum : {merged(never, part(10)), merged(part(10), never)}) {
        EXPECT_EQ(sum.messages->sent, 10U);
        EXPECT_EQ(sum.started, "2026-11-22T21:34:48Z");
        EXPECT_EQ(sum.verdict.exit_code, 1) << "the worst verdict counts";
        EXPECT_EQ(sum.verdict.reasons.size(), 1U);
    }
}

TEST(Merge, ALatencyOfBothLoopsIsMixed) {
    StoredResult other = part(20);
    other.latencies[1]->loop = "open";
    EXPECT_EQ(merged(part(10), other).find_latency("latency")->loop, "mixed");
}

TEST(Merge, CohortsOfAModeBecomeOneAndMetIsThatOfBoth) {
    StoredResult a = part(10);
    StoredResult b = part(20);
    a.abuse = std::vector<StoredCohort>{{"idle", {}, 1.5, "keep", true}};
    b.abuse = std::vector<StoredCohort>{{"idle", {}, 2.5, "keep", false},
                                        {"rst", {}, std::nullopt, std::nullopt, {}}};
    a.abuse->front().counts.opened = 2;
    b.abuse->front().counts.opened = 3;
    const StoredResult sum = merged(a, b);
    ASSERT_EQ(sum.abuse->size(), 2U);
    EXPECT_EQ(sum.abuse->front().counts.opened, 5U);
    EXPECT_EQ(sum.abuse->front().expected, "keep");
    EXPECT_EQ(sum.abuse->front().met, false);
    EXPECT_FALSE(sum.abuse->front().median_open_s);
}

TEST(Merge, ErrorsAreAddedByPhaseAndName) {
    StoredResult a = part(10);
    StoredResult b = part(20);
    a.errors = std::vector<StoredError>{{"read", "ECONNRESET", 2}};
    b.errors = std::vector<StoredError>{{"read", "ECONNRESET", 3}, {"close", "EOF", 1}};
    const StoredResult sum = merged(a, b);
    ASSERT_EQ(sum.errors->size(), 2U);
    EXPECT_EQ(sum.errors->front().count, 5U);
}
