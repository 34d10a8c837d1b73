// SPDX-License-Identifier: MIT
#include "../temporary_directory.hpp"
#include "base/throttling.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

using namespace echod;

namespace {

// A proc(5) with process 7, and a place for control groups.
struct ThrottlingTest : testing::Test, TemporaryDirectory {
    GroupThrottling sample() { return read_throttling(7, {path() / "proc", path() / "cgroup"}); }
    // Since the counters were 0.
    std::optional<Throttling> read() {
        const GroupThrottling until = sample();
        GroupThrottling from = until;
        for (auto& [group, counters] : from) {
            counters = {};
        }
        return throttling_between(from, until);
    }
};

} // namespace

TEST_F(ThrottlingTest, IsReadOfAGroupOfVersionTwo) {
    write("proc/7/cgroup", "0::/a.slice/b.service\n");
    write("cgroup/a.slice/b.service/cpu.stat",
          "usage_usec 5\nnr_periods 33\nnr_throttled 30\nthrottled_usec 9\n");
    ASSERT_TRUE(read());
    EXPECT_EQ(read()->periods, 33U);
    EXPECT_EQ(read()->throttled, 30U);
}

TEST_F(ThrottlingTest, IsReadOfAGroupOfVersionOne) {
    write("proc/7/cgroup", "5:memory:/m\n4:cpu,cpuacct:/x/y\n0::/\n");
    write("cgroup/cpu,cpuacct/x/y/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 9\n");
    ASSERT_TRUE(read());
    EXPECT_EQ(read()->throttled, 2U);
}

TEST_F(ThrottlingTest, IsThatOfAGroupAboveWhichHasTheQuota) {
    write("proc/7/cgroup", "0::/a/b/c\n");
    write("cgroup/a/b/c/cpu.stat", "nr_periods 0\nnr_throttled 0\n");
    write("cgroup/a/cpu.stat", "nr_periods 20\nnr_throttled 11\n");
    ASSERT_TRUE(read());
    EXPECT_EQ(read()->throttled, 11U);
    EXPECT_EQ(read()->periods, 20U);
}

TEST_F(ThrottlingTest, IsNotKnownWithoutAGroup) {
    EXPECT_FALSE(read());
    write("proc/7/cgroup", "5:memory:/m\nnonsense\n0::/gone\n");
    EXPECT_FALSE(read());
}

// Its counters since the boot are the largest, but those of the group below grew.
TEST_F(ThrottlingTest, IsOfOneGroupThatWasThrottledBetweenTheSamples) {
    write("proc/7/cgroup", "0::/a/b\n");
    write("cgroup/a/cpu.stat", "nr_periods 5000\nnr_throttled 1000\n");
    write("cgroup/a/b/cpu.stat", "nr_periods 1000\nnr_throttled 990\n");
    const GroupThrottling before = sample();
    write("cgroup/a/cpu.stat", "nr_periods 5100\nnr_throttled 1000\n");
    write("cgroup/a/b/cpu.stat", "nr_periods 1100\nnr_throttled 1080\n");
    const auto counted = throttling_between(before, sample());
    ASSERT_TRUE(counted);
    EXPECT_EQ(counted->periods, 100U);
    EXPECT_EQ(counted->throttled, 90U);
}

TEST_F(ThrottlingTest, IsNotThatOfAGroupWhoseCountersBeganAgain) {
    write("proc/7/cgroup", "0::/a\n");
    write("cgroup/a/cpu.stat", "nr_periods 50\nnr_throttled 40\n");
    const GroupThrottling before = sample();
    write("cgroup/a/cpu.stat", "nr_periods 60\nnr_throttled 2\n");
    EXPECT_FALSE(throttling_between(before, sample()));
    EXPECT_FALSE(throttling_between({}, sample()));
}
