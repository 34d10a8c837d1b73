// SPDX-License-Identifier: MIT
#include "log_capture.hpp"
#include "server/loop/warnings.hpp"

#include <cerrno>
#include <optional>

using namespace echod;
using namespace std::chrono_literals;

namespace {

class WarningsTest : public testing::Test {
protected:
    WarningsTest() {
        config.limits.max_connections = 2;
        config.limits.max_connections_per_ip = 1;
    }
    // What is logged at `at` after the start.
    std::string log_at(Duration at, const AcceptState& accepting) {
        testing::internal::CaptureStderr();
        log.emplace(LogTarget::stderr_stream, LogLevel::info); // opens what is standard error now
        warnings.log(accepting, config, TimePoint(1h) + at);
        return testing::internal::GetCapturedStderr();
    }

    const AcceptState room{false, 2, 0, {}};
    const AcceptState full{true, 2, 0, {}};
    const AcceptState paused{false, 2, EMFILE, {}};
    Config config;
    Counters counters;
    std::optional<Log> log{std::in_place, LogTarget::stderr_stream, LogLevel::info};
    Warnings warnings{*log, counters};
};

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_F(WarningsTest, AreSilentWhileNothingIsWrong) {
    EXPECT_FALSE(warnings.pending(false, 0));
    EXPECT_EQ(log_at(0s, room), "");
}

TEST_F(WarningsTest, LogTheCapacityWhenItIsReachedAndNotAgainWhileItLasts) {
    EXPECT_TRUE(warnings.pending(true, 0));
    EXPECT_TRUE(
        has(log_at(0s, full), "limits.max_connections (2) is reached, when_full applies\n"));
    EXPECT_EQ(log_at(20s, full), "");
    EXPECT_TRUE(warnings.pending(false, 0)) << "the end of the state has to be noted";
    EXPECT_EQ(log_at(30s, room), "");
    EXPECT_FALSE(warnings.pending(false, 0));
    EXPECT_TRUE(has(log_at(40s, full), "is reached"));
}

TEST_F(WarningsTest, NameTheDescriptorLimitWhereThatIsTheLowerOne) {
    EXPECT_TRUE(has(log_at(0s, {true, 1, 0}), "RLIMIT_NOFILE allows (1) is reached"));
}

TEST_F(WarningsTest, CountRejectionsThatWereNotLogged) {
    (void)log_at(0s, full);
    counters.rejected = 3;
    EXPECT_EQ(log_at(1s, full), "");
    counters.count(CloseReason::evicted);
    EXPECT_TRUE(has(log_at(10s, full), "; 3 more times since the last warning"));
}

TEST_F(WarningsTest, LogAnAddressAtItsLimitOnceInTenSeconds) {
    counters.rejected_per_ip = 1;
    EXPECT_TRUE(warnings.pending(false, 0));
    EXPECT_TRUE(
        has(log_at(0s, room), "limits.max_connections_per_ip (1) is reached by an address"));
    counters.rejected_per_ip = 5;
    EXPECT_EQ(log_at(9s, room), "");
    EXPECT_FALSE(warnings.pending(false, 0));
    counters.rejected_per_ip = 6;
    EXPECT_TRUE(has(log_at(10s, room), "; 4 more times"));
}

TEST_F(WarningsTest, LogThatAcceptingPausesOnceForEachNewError) {
    counters.accept_errors = 1;
    EXPECT_TRUE(warnings.pending(false, EMFILE));
    EXPECT_TRUE(has(log_at(0s, paused), "cannot accept connections: EMFILE"));
    EXPECT_EQ(log_at(20s, paused), "") << "no error is new";
    counters.accept_errors = 2;
    EXPECT_TRUE(has(log_at(30s, paused), "they stay in the backlog\n"));
}

TEST_F(WarningsTest, SayWhatToChangeIfAConnectionCannotBeAdded) {
    counters.setup_errors = 1;
    const std::string watches = log_at(0s, {false, 2, ENOSPC});
    EXPECT_TRUE(has(watches, "cannot add a connection: ENOSPC")) << watches;
    EXPECT_TRUE(has(watches, "raise fs.epoll.max_user_watches")) << watches;
    EXPECT_FALSE(has(watches, "cannot accept")) << watches;
    counters.setup_errors = 4;
    EXPECT_EQ(log_at(9s, {false, 2, ENOMEM}), "");
    counters.setup_errors = 5;
    EXPECT_TRUE(has(log_at(10s, {false, 2, ENOMEM}), "raise MemoryMax="));
}

TEST_F(WarningsTest, NameAnUnexpectedPROXYHeaderOnceWithWhatToConfigure) {
    const AcceptState proxied{false, 2, 0, *parse_ip("192.0.2.10", 4711)};
    ++counters.unexpected_proxy;
    EXPECT_TRUE(warnings.pending(false, 0));
    const std::string text = log_at(0s, proxied);
    EXPECT_TRUE(has(text, "192.0.2.10:4711 began with a PROXY header")) << text;
    EXPECT_TRUE(has(text, "proxy_protocol = \"required\"")) << text;
    EXPECT_FALSE(warnings.pending(false, 0));
    ++counters.unexpected_proxy;
    EXPECT_TRUE(warnings.pending(false, 0));
    EXPECT_EQ(log_at(1h, proxied), "");
    EXPECT_FALSE(warnings.pending(false, 0));
}

TEST_F(WarningsTest, ASecondPROXYHeaderIsNoMatterOfTheConfiguration) {
    config.listen.proxy_protocol = ProxyProtocol::required;
    ++counters.unexpected_proxy;
    EXPECT_EQ(log_at(0s, room), "");
}
