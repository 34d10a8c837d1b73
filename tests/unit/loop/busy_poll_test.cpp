// SPDX-License-Identifier: MIT
#include "server/loop/busy_poll.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// The loop as the policy sees it: each wait() is that of an iteration, on a clock of its own.
struct BusyPollTest : testing::Test {
    BusyPollTest() { policy.configure(std::nullopt); }

    // The next event comes after `idle`, and a single poll takes `one`.
    void wait(Duration idle, Duration one = 1us) {
        const bool polls = policy.window(now) != Duration::zero();
        now += idle;
        policy.note_wait(idle, polls ? one : Duration::zero(), now);
    }
    void wait(int times, Duration idle) {
        for (int i = 0; i < times; ++i) {
            wait(idle);
        }
    }
    [[nodiscard]] Duration window() const { return policy.window(now); }

    BusyPoll policy;
    TimePoint now{1h};
};

} // namespace

TEST_F(BusyPollTest, AutoStartsWithoutPolling) {
    EXPECT_EQ(window(), 0us);
    EXPECT_TRUE(policy.is_auto());
}

TEST_F(BusyPollTest, ShortWaitsGrowTheWindowUpToItsLimit) {
    std::vector<Duration> windows;
    for (int i = 0; i < 5; ++i) {
        wait(45us);
        windows.push_back(window());
    }
    EXPECT_EQ(windows, (std::vector<Duration>{10us, 20us, 40us, 50us, 50us}));
}

TEST_F(BusyPollTest, AWindowThatSufficesStays) {
    wait(2, 15us);
    EXPECT_EQ(window(), 20us);
    wait(1000, 15us);
    EXPECT_EQ(window(), 20us);
}

TEST_F(BusyPollTest, LongWaitsShrinkTheWindowToNothing) {
    wait(4, 45us);
    std::vector<Duration> windows;
    for (int i = 0; i < 4; ++i) {
        wait(1ms);
        windows.push_back(window());
    }
    EXPECT_EQ(windows, (std::vector<Duration>{25us, 12500ns, 0us, 0us}));
}

TEST_F(BusyPollTest, WaitsBeyondTheLimitNeverStartPolling) {
    wait(1000, 100us); // 10,000 messages a second
    EXPECT_EQ(window(), 0us);
}

TEST_F(BusyPollTest, PollingInVainStopsForAPause) {
    // The client needs the processor: it only sends once the loop sleeps.
    const auto waits_until_off = [this] {
        int waits = 0;
        do {
            wait(window() + 9us);
        } while (++waits < 100 && window() != 0us);
        return waits;
    };
    EXPECT_EQ(waits_until_off(), BusyPoll::kMisses + 1);
    EXPECT_EQ(policy.window(now + BusyPoll::kPause - 1us), 0us);
    now += BusyPoll::kPause;
    wait(45us);
    EXPECT_EQ(window(), BusyPoll::kShortest);
    EXPECT_LE(waits_until_off(), BusyPoll::kMisses + 1);
    EXPECT_EQ(policy.window(now + 2 * BusyPoll::kPause - 1us), 0us);
}

TEST_F(BusyPollTest, AnEventThatCameWhileThePollWasInterruptedIsNoSuccess) {
    wait(4, 45us);
    for (int i = 0; i < BusyPoll::kMisses; ++i) {
        wait(20us, BusyPoll::kInterrupted + 1us);
    }
    EXPECT_EQ(window(), 0us);
}

TEST_F(BusyPollTest, AnEventThatWasThereAlreadyIsNoSuccess) {
    wait(4, 45us);
    for (int i = 0; i < BusyPoll::kMisses; ++i) {
        wait(window() + 9us);
        wait(1us, 0us);
    }
    EXPECT_EQ(window(), 0us);
}

TEST_F(BusyPollTest, SuccessesMakeUpForMisses) {
    wait(4, 45us);
    for (int i = 0; i < 1000; ++i) {
        wait(20us, BusyPoll::kInterrupted + 1us);
        wait(20us);
    }
    EXPECT_EQ(window(), 50us);
}

TEST_F(BusyPollTest, ALostProcessorStopsPollingForLongerEachTime) {
    Duration expected = BusyPoll::kPause;
    for (int i = 0; i < 10; ++i) {
        wait(4, 45us);
        ASSERT_NE(window(), 0us);
        wait(3ms, 3ms);
        EXPECT_EQ(policy.window(now + expected - 1us), 0us);
        now += expected;
        wait(45us);
        EXPECT_NE(window(), 0us);
        expected = std::min(expected * 2, BusyPoll::kLongestPause);
    }
    EXPECT_EQ(expected, BusyPoll::kLongestPause);
    now += BusyPoll::kMemory;
    wait(3ms, 3ms);
    EXPECT_EQ(policy.window(now + BusyPoll::kPause - 1us), 0us);
    now += BusyPoll::kPause;
    wait(45us);
    EXPECT_NE(window(), 0us);
}

TEST_F(BusyPollTest, AThrottledControlGroupStopsPollingForAMinute) {
    wait(4, 45us);
    policy.note_throttled(now);
    EXPECT_EQ(window(), 0us);
    EXPECT_EQ(policy.window(now + 59s), 0us);
    now += 60s;
    wait(45us);
    EXPECT_NE(window(), 0us);
}

TEST_F(BusyPollTest, AutoIsOffWithASingleProcessor) {
    wait(4, 45us);
    policy.set_useful(false);
    EXPECT_EQ(window(), 0us);
    wait(100, 20us);
    EXPECT_EQ(window(), 0us);
    policy.set_useful(true);
    wait(20us);
    EXPECT_NE(window(), 0us);
}

TEST_F(BusyPollTest, AFixedTimeIsKeptWhateverHappens) {
    policy.configure(70us);
    policy.set_useful(false);
    wait(100, 1s);
    wait(3ms, 3ms);
    policy.note_throttled(now);
    EXPECT_EQ(window(), 70us);
    EXPECT_FALSE(policy.is_auto());
    policy.configure(Duration::zero());
    wait(100, 20us);
    EXPECT_EQ(window(), 0us);
}

TEST_F(BusyPollTest, OnlyAFixedTimeOfZeroIsOffForGood) {
    EXPECT_FALSE(policy.is_off());
    policy.configure(Duration::zero());
    EXPECT_TRUE(policy.is_off());
    policy.configure(70us);
    EXPECT_FALSE(policy.is_off());
}

TEST_F(BusyPollTest, AReloadWithTheSameSettingForgetsNothing) {
    wait(4, 45us);
    policy.configure(std::nullopt);
    EXPECT_EQ(window(), 50us);
    policy.configure(Duration::zero());
    EXPECT_EQ(window(), 0us);
}
