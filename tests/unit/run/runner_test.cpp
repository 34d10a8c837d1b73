// SPDX-License-Identifier: MIT
#include "client/run/runner.hpp"
#include "net/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

using namespace echoload;
using namespace std::chrono_literals;

namespace {

// A port that is bound, so that no other socket gets it, and refuses connections.
struct RefusingPort {
    RefusingPort() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const echod::Endpoint any = *echod::parse_ip("127.0.0.1", 0);
        EXPECT_EQ(::bind(fd.get(), any.address(), any.length()), 0);
    }
    [[nodiscard]] echod::Endpoint endpoint() const { return echod::local_endpoint(fd.get()); }
    echod::UniqueFd fd;
};

Options few_messages() {
    Options options;
    options.connections = 3;
    options.messages = 3;
    options.timeout = 20ms;
    return options;
}

} // namespace

TEST(Runner, AnAddressThatRefusesLeadsToTheNextOneOfTheName) {
    const RefusingPort refusing;
    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const std::vector<Target> targets = {
        {"two addresses:1", {refusing.endpoint(), echod::local_endpoint(listener.get())}}};
    const RunResult result = run(few_messages(), targets, std::nullopt, {});
    EXPECT_EQ(result.tally.connections.up, 3U);
    EXPECT_EQ(result.tally.connections.failed, 0U);
    EXPECT_TRUE(result.ramp_up);
    EXPECT_EQ(result.tally.messages.timed_out, 3U) << "nothing accepts behind that listener";
}

TEST(Runner, WhereEveryAddressRefusesTheConnectionHasFailedOnce) {
    const RefusingPort one;
    const RefusingPort other;
    const std::vector<Target> targets = {{"refusing:1", {one.endpoint(), other.endpoint()}}};
    const RunResult result = run(few_messages(), targets, std::nullopt, {});
    EXPECT_EQ(result.tally.connections.up, 0U);
    EXPECT_EQ(result.tally.connections.failed, 3U);
    ASSERT_EQ(result.tally.errors.rows().size(), 1U);
    EXPECT_EQ(result.tally.errors.rows()[0].count, 3U);
    EXPECT_FALSE(result.window);
}

TEST(Runner, EachLoopReportsItsProcessorTime) {
    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const std::vector<Target> targets = {{"mute:1", {echod::local_endpoint(listener.get())}}};
    Options options = few_messages();
    options.threads = 3;
    const RunResult result = run(options, targets, std::nullopt, {});
    EXPECT_EQ(result.tally.connections.up, 3U);
    EXPECT_EQ(result.tally.messages.timed_out, 3U);
    ASSERT_EQ(result.loops.size(), 3U);
    for (const LoopUse& use : result.loops) {
        EXPECT_GE(use.wall, options.timeout);
        EXPECT_LE(use.user + use.system, use.wall + 10ms) << "one thread has one processor";
        EXPECT_LE(use.longest_turn, use.turns_total);
    }
}

TEST(Runner, NothingIsSentBeforeTheTimeOfTheStart) {
    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const std::vector<Target> targets = {{"mute:1", {echod::local_endpoint(listener.get())}}};
    Options options = few_messages();
    options.messages.reset();
    options.duration = 10ms;
    options.warmup = 5ms;
    options.start_at = StartAt::parse("+1s");
    const WallTime at = std::chrono::system_clock::now() + 50ms;
    std::optional<WallTime> began;
    LiveSink live;
    live.measured_part_begins = [&began] { began = std::chrono::system_clock::now(); };
    const RunResult result = run(options, targets, std::nullopt, live, at);
    ASSERT_TRUE(began);
    EXPECT_GE(*began, at + 5ms - 1ms) << "the clocks differ by the time between their readings";
    ASSERT_TRUE(result.start);
    EXPECT_EQ(result.start->at, at);
    EXPECT_EQ(result.start->late, Duration::zero());
    EXPECT_EQ(result.tally.messages.sent, 3U);
    EXPECT_LT(result.ramp_up, Duration(50ms));
}

TEST(Runner, ARunThatIsNotReadyInTimeIsLate) {
    const echod::UniqueFd listener = echod::listen_at(*echod::parse_ip("127.0.0.1", 0), 16);
    const std::vector<Target> targets = {{"mute:1", {echod::local_endpoint(listener.get())}}};
    const WallTime at = std::chrono::system_clock::now() - 3s;
    const RunResult result = run(few_messages(), targets, std::nullopt, {}, at);
    ASSERT_TRUE(result.start && result.start->late);
    EXPECT_GE(*result.start->late, Duration(3s));
    EXPECT_LT(*result.start->late, Duration(13s));
}
