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
