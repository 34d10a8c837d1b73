// SPDX-License-Identifier: MIT
#include "../temporary_directory.hpp"
#include "server/loop/processors.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace echod;

namespace {

// This process in a control group whose counters a test sets.
struct ProcessorsTest : testing::Test, TemporaryDirectory {
    ProcessorsTest() {
        write(fmt::format("proc/{}/cgroup", ::getpid()), "0::/a.slice/b.service\n");
    }

    void count(const std::string& group, int periods, int throttled) {
        write("cgroup/" + group + "/cpu.stat",
              fmt::format("nr_periods {}\nnr_throttled {}\n", periods, throttled));
    }
    Processors processors() const { return Processors({path() / "proc", path() / "cgroup"}); }
};

} // namespace

TEST_F(ProcessorsTest, AGroupThatIsThrottledIsReportedOnce) {
    count("a.slice/b.service", 100, 40);
    Processors watched = processors();
    EXPECT_FALSE(watched.throttled_again()) << "this was before the start";
    count("a.slice/b.service", 200, 41);
    EXPECT_TRUE(watched.throttled_again());
    EXPECT_FALSE(watched.throttled_again());
    count("a.slice/b.service", 300, 41);
    EXPECT_FALSE(watched.throttled_again()) << "it ran, and was not stopped";
    count("a.slice/b.service", 301, 42);
    EXPECT_TRUE(watched.throttled_again());
}

TEST_F(ProcessorsTest, AGroupAboveThatIsThrottledIsReported) {
    count("a.slice/b.service", 0, 0);
    count("a.slice", 10, 0);
    Processors watched = processors();
    EXPECT_FALSE(watched.throttled_again());
    count("a.slice", 11, 1);
    EXPECT_TRUE(watched.throttled_again());
}

TEST_F(ProcessorsTest, AProcessWithoutAGroupIsNotThrottled) {
    Processors watched = processors();
    EXPECT_FALSE(watched.throttled_again());
    count("a.slice/b.service", 1, 1);
    EXPECT_FALSE(watched.throttled_again()) << "since when is not known";
}
