// SPDX-License-Identifier: MIT
// A run and its result, for tests of verdicts and reports.
#pragma once

#include "client/options/options.hpp"
#include "client/result/run_result.hpp"

namespace echoload {

inline Options ten_seconds() {
    Options options;
    options.targets = {"127.0.0.1:8007"};
    options.connections = 2;
    options.duration = std::chrono::seconds(10);
    options.seed = 9'007'199'254'740'991;
    return options;
}

// Two connections, 1,000 messages, all well.
inline RunResult good_run() {
    RunResult result;
    result.tally.connections = {2, 0, 0};
    result.tally.messages.sent = 1000;
    result.tally.messages.verified = 1000;
    result.tally.messages.measured = 1000;
    result.tally.messages.in_window = 990;
    result.tally.bytes = {100'000, 100'000, 99'000};
    for (int i = 1; i <= 1000; ++i) {
        result.tally.service.record(Duration(i));
    }
    result.peak = 2;
    result.ramp_up = std::chrono::milliseconds(1);
    result.window = std::chrono::seconds(10);
    result.elapsed = std::chrono::milliseconds(10'005);
    return result;
}

inline Mismatch flipped_bit() {
    Mismatch wrong;
    wrong.connection = 17;
    wrong.local = "127.0.0.1:40000";
    wrong.peer = "127.0.0.1:8007";
    wrong.sequence = 4711;
    wrong.length = 24;
    wrong.offset = 18;
    wrong.window = 0;
    for (unsigned i = 0; i < 24; ++i) {
        wrong.expected.push_back(static_cast<std::byte>(i));
        wrong.received.push_back(static_cast<std::byte>(i == 18 ? 0x41 : i));
    }
    return wrong;
}

} // namespace echoload
