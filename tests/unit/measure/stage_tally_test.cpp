// SPDX-License-Identifier: MIT
#include "client/measure/stage_tally.hpp"
#include "client/measure/tally.hpp"

#include <gtest/gtest.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kFirstStage{1000s};

StageTallies three_stages() {
    StageTallies stages;
    stages.begin({kFirstStage + 1s, kFirstStage + 2s, kFirstStage + 4s});
    return stages;
}

} // namespace

TEST(StageTallies, AMessageBelongsToTheStageInWhichItIsDue) {
    StageTallies stages = three_stages();
    for (const Duration due : {0ns, 999'999'999ns}) {
        ++stages.of(kFirstStage + due).due;
    }
    ++stages.of(kFirstStage + 1s).due;
    ++stages.of(kFirstStage + 2s).due;
    ++stages.of(kFirstStage + 5s).due; // by rounding at the end, not by the schedule
    EXPECT_EQ(stages.rows()[0].due, 2U);
    EXPECT_EQ(stages.rows()[1].due, 1U);
    EXPECT_EQ(stages.rows()[2].due, 2U);
}

TEST(StageTallies, MergeAddsUpAndClearKeepsTheStages) {
    StageTallies stages = three_stages();
    stages.of(kFirstStage).verified = 3;
    stages.of(kFirstStage).response.record(1ms);
    StageTallies sum;
    EXPECT_TRUE(sum.empty());
    sum.merge(stages);
    sum.merge(stages);
    EXPECT_EQ(sum.rows()[0].verified, 6U);
    EXPECT_EQ(sum.rows()[0].response.count(), 2U);
    stages.clear();
    EXPECT_FALSE(stages.empty());
    EXPECT_EQ(stages.rows()[0].verified, 0U);
    EXPECT_EQ(stages.rows()[0].response.count(), 0U);
    sum.merge(StageTallies());
    EXPECT_EQ(sum.rows().size(), 3U);
}

TEST(StageTallies, AResponseIsCountedInTheWholeAndInItsStage) {
    Tally tally;
    tally.record_response(kFirstStage, 1ms);
    tally.stages.begin({kFirstStage + 1s});
    tally.record_response(kFirstStage, 1ms);
    EXPECT_EQ(tally.response.count(), 2U);
    EXPECT_EQ(tally.stages.rows()[0].response.count(), 1U);
}
