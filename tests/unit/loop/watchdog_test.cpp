// SPDX-License-Identifier: MIT
#include "log_capture.hpp"
#include "server/loop/watchdog.hpp"

using namespace echod;
using namespace std::chrono_literals;

namespace {

const TimePoint kWatchdogStart{1h};

} // namespace

TEST(Watchdog, IsNeverDueWithoutATimeout) {
    ServiceManager service;
    EXPECT_EQ(logged([&](Log& log) {
                  Watchdog watchdog(log, service, std::nullopt, kWatchdogStart);
                  EXPECT_EQ(watchdog.next_due(), kNever);
                  watchdog.feed(kWatchdogStart + 1h);
              }),
              "");
}

TEST(Watchdog, IsFedAfterHalfOfItsTimeout) {
    ServiceManager service;
    EXPECT_EQ(logged([&](Log& log) {
                  Watchdog watchdog(log, service, 4s, kWatchdogStart);
                  EXPECT_EQ(watchdog.next_due(), kWatchdogStart + 2s);
                  watchdog.feed(kWatchdogStart + 1s); // not due
                  EXPECT_EQ(watchdog.next_due(), kWatchdogStart + 2s);
                  watchdog.feed(kWatchdogStart + 2s);
                  EXPECT_EQ(watchdog.next_due(), kWatchdogStart + 4s);
              }),
              "");
}

TEST(Watchdog, WarnsWhereItIsFedNearlyTooLate) {
    ServiceManager service;
    const std::string text = logged([&](Log& log) {
        Watchdog watchdog(log, service, 4s, kWatchdogStart);
        watchdog.feed(kWatchdogStart + 3500ms);
    });
    EXPECT_NE(text.find("close to its limit of 4s"), std::string::npos) << text;
}
