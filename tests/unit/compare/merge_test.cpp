// SPDX-License-Identifier: MIT
#include "client/compare/merge.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

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

TEST(Merge, PercentilesAreThoseOfAllSamplesOfAllParts) {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> law(11, 1.5);
    std::vector<Duration> samples;
    Histogram all;
    std::vector<StoredResult> parts(3, part(1));
    double scale = 1; // the parts differ: a mean of their percentiles is wrong
    for (StoredResult& each : parts) {
        each.latencies[1] = StoredLatency{"closed", {}};
        for (int k = 0; k < 10'000; ++k) {
            samples.push_back(Duration(static_cast<std::int64_t>(law(random) * scale)));
            each.latencies[1]->histogram.record(samples.back());
            all.record(samples.back());
        }
        scale *= 3;
    }
    std::sort(samples.begin(), samples.end());
    StoredResult sum = parts[0];
    merge_into(sum, parts[1]);
    merge_into(sum, parts[2]);
    const Histogram& merged = sum.find_latency("latency")->histogram;
    EXPECT_EQ(merged.count(), samples.size());
    for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
        const auto rank = static_cast<std::size_t>(
            std::ceil(percent / 100 * static_cast<double>(samples.size()) - 1e-9));
        const auto exact = static_cast<double>(samples[rank - 1].count());
        const auto found = static_cast<double>(merged.percentile(percent)->count());
        EXPECT_GE(found, exact) << percent;
        EXPECT_LE(found, exact * 1.001) << percent;
        EXPECT_EQ(merged.percentile(percent), all.percentile(percent)) << percent;
    }
}

TEST(Merge, OptionsOfPartsAreThoseOfTheWhole) {
    StoredResult a = part(10);
    StoredResult b = part(10);
    a.part = {{"number", 1}, {"of", 2}};
    b.part = {{"number", 2}, {"of", 2}};
    a.requested["abuse"] = b.requested["abuse"] = {{"idle", 4}};
    a.start = {{"at", "2026-11-29T12:00:00.000000Z"}, {"late_s", 0.0}};
    b.start = {{"at", "2026-11-29T12:00:00.000000Z"}, {"late_s", 0.02}};
    const StoredResult sum = merged(a, b);
    EXPECT_EQ(sum.requested["connections"], 2);
    EXPECT_EQ(sum.requested["abuse"]["idle"], 4);
    EXPECT_EQ(sum.messages->sent, 20U);
    EXPECT_EQ(sum.start["late_s"], 0.02);
    b.start["at"] = "2026-11-29T12:00:01.000000Z";
    EXPECT_TRUE(merged(a, b).start.is_null());
}
