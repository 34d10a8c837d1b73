// SPDX-License-Identifier: MIT
#include "client/measure/live_targets.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

Outage outage(Duration from, Duration to, bool over) {
    Outage made;
    made.target = "a:1";
    made.noticed = made.from = from;
    made.to = to;
    made.over = over;
    if (over) {
        made.restored = to;
    }
    return made;
}

LoopOutages ended(const Outage& one) {
    LoopOutages outages;
    outages.add(one);
    return outages;
}

LoopOutages lasting(const Outage& one) {
    LoopOutages outages;
    outages.current = {one};
    return outages;
}

} // namespace

TEST(LiveTargets, ATargetIsUpAfterAnEchoAndDownAfterErrorsWithoutOne) {
    LiveTargets targets({"a:1", "a:1", "b:1"}, 2);
    ASSERT_EQ(targets.states().size(), 2U);
    const auto up_after = [&targets](const AddressInterval& second, std::uint64_t errors = 0) {
        targets.add(0, {{0, errors, 0}, second, {}}, std::nullopt);
        (void)targets.end_interval();
        return targets.states().front().up;
    };
    EXPECT_FALSE(up_after({0, 0, 1}));
    EXPECT_TRUE(up_after({1, 0, 1}));
    EXPECT_EQ(targets.states().front().open, 1U);
    EXPECT_TRUE(up_after({0, 0, 1}));    // neither: as before
    EXPECT_TRUE(up_after({5, 0, 1}, 3)); // one of its addresses answers
    EXPECT_FALSE(up_after({0, 1, 1}));
    EXPECT_FALSE(up_after({0, 0, 1}));
    EXPECT_TRUE(up_after({1, 0, 1}));
    EXPECT_FALSE(up_after({1, 1, 0})); // its last connection was lost
    EXPECT_FALSE(targets.states().back().up);
    EXPECT_FALSE(targets.outages());
}

TEST(LiveTargets, AnOutageIsCountedOnceFromItsBeginning) {
    LiveTargets targets({"a:1"}, 1);
    targets.add(0, {{}}, lasting(outage(1s, 3s, false)));
    EXPECT_EQ(targets.end_interval(), 1U);
    EXPECT_EQ(targets.states().front().out_since, Duration(2s));
    EXPECT_EQ(targets.states().front().out, Duration(2s));
    EXPECT_FALSE(targets.outages()->list.front().over);
    targets.add(0, {{}}, lasting(outage(1s, 4s, false)));
    EXPECT_EQ(targets.end_interval(), 0U);
    targets.add(0, {{}}, ended(outage(1s, 5s, true)));
    EXPECT_EQ(targets.end_interval(), 0U);
    EXPECT_FALSE(targets.states().front().out_since);
    EXPECT_EQ(targets.states().front().outages, 1U);
    EXPECT_EQ(targets.states().front().out, Duration(4s));
    EXPECT_EQ(targets.outages()->count(), 1U);
    EXPECT_TRUE(targets.outages()->list.front().over);
}

TEST(LiveTargets, OneThatEndedAndOneThatLastsAreTwo) {
    LiveTargets targets({"a:1"}, 1);
    LoopOutages outages = lasting(outage(4s, 5s, false));
    outages.add(outage(1s, 3s, true));
    targets.add(0, {{}}, outages);
    EXPECT_EQ(targets.end_interval(), 2U);
    EXPECT_EQ(targets.states().front().out, Duration(3s));
    EXPECT_EQ(targets.states().front().out_since, Duration(1s));
    EXPECT_EQ(targets.outages()->count(), 2U);
    targets.add(0, {{}}, ended(outage(4s, 6s, true)));
    EXPECT_EQ(targets.end_interval(), 0U);
    EXPECT_EQ(targets.states().front().outages, 2U);
    EXPECT_EQ(targets.states().front().out, Duration(4s));
    EXPECT_EQ(targets.outages()->count(), 2U);
}

TEST(LiveTargets, OutagesThatAreNotListedCount) {
    LiveTargets targets({"a:1", "b:1"}, 1);
    LoopOutages outages;
    constexpr std::size_t kMore = 5;
    for (std::size_t i = 0; i < Outages::kListed + kMore; ++i) {
        const Duration from = i * 10ms;
        outages.add(outage(from, from + 5ms, true));
    }
    LoopOutages next = lasting(outage(100s, 101s, false));
    next.add(outage(90s, 92s, true));
    outages.append(next);
    targets.add(0, {{}, {}}, outages);
    constexpr std::uint64_t kAll = Outages::kListed + kMore + 2;
    EXPECT_EQ(targets.end_interval(), kAll);
    const TargetState state = targets.states().front();
    EXPECT_EQ(state.outages, kAll);
    EXPECT_EQ(state.out, (Outages::kListed + kMore) * 5ms + 2s + 1s);
    EXPECT_EQ(state.out_since, Duration(1s));
    EXPECT_EQ(targets.states().back().outages, 0U);
    EXPECT_EQ(targets.outages()->count(), kAll);
    EXPECT_EQ(targets.outages()->longest(), Duration(2s));
    targets.add(0, {{}, {}}, ended(outage(100s, 102s, true)));
    EXPECT_EQ(targets.end_interval(), 0U);
    EXPECT_EQ(targets.states().front().outages, kAll);
}

TEST(LiveTargets, ALongOutageOfALoopContainsThoseOfTheOtherHoweverMany) {
    LiveTargets targets({"a:1"}, 2);
    for (std::size_t i = 0; i < 3; ++i) {
        LoopOutages many;
        for (std::size_t k = 0; k < Outages::kListed; ++k) {
            const Duration from = 2s + i * 20s + k * 10ms;
            many.add(outage(from, from + 5ms, true));
        }
        targets.add(0, {{}}, lasting(outage(1s, (i + 1) * 30s, false)));
        targets.add(1, {{}}, many);
        EXPECT_EQ(targets.end_interval(), i == 0 ? 1U : 0U);
    }
    targets.add(0, {{}}, ended(outage(1s, 120s, true)));
    targets.add(1, {{}}, lasting(outage(130s, 131s, false)));
    EXPECT_EQ(targets.end_interval(), 1U);
    EXPECT_EQ(targets.states().front().outages, 2U);
    EXPECT_EQ(targets.states().front().out_since, Duration(1s));
}

TEST(LiveTargets, OutagesOfTwoLoopsThatOverlapAreOne) {
    LiveTargets targets({"a:1"}, 2);
    targets.add(0, {{}}, lasting(outage(1s, 4s, false)));
    targets.add(1, {{}}, ended(outage(2s, 3s, true)));
    EXPECT_EQ(targets.end_interval(), 1U);
    const Duration so_far = targets.states().front().out;
    targets.add(0, {{}}, ended(outage(1s, 5s, true)));
    targets.add(1, {{}}, LoopOutages());
    EXPECT_EQ(targets.end_interval(), 0U);
    EXPECT_EQ(targets.states().front().outages, 1U);
    EXPECT_GE(targets.states().front().out, so_far);
    EXPECT_EQ(targets.outages()->count(), 1U);
    targets.end_loop(0);
    targets.end_loop(1);
    EXPECT_EQ(targets.end_interval(), 0U);
}
