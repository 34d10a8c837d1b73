// SPDX-License-Identifier: MIT
#include "client/command/start_time.hpp"

#include "base/units.hpp"
#include "client/measure/clock_state.hpp"
#include "client/report/output_file.hpp"
#include "client/result/not_possible.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace echoload {

namespace {

// Connections are opened by then, and a server closes none for being idle so long.
constexpr Duration kAhead = std::chrono::seconds(5);

// The clock may be set meanwhile: it is read again after that time.
constexpr Duration kLongestPause = std::chrono::seconds(10);

std::string state_of_clock() {
    const auto clock = read_clock_state();
    if (!clock) {
        return "whether it is synchronised is unknown";
    }
    return clock->synchronised ? fmt::format("synchronised, with an error of at most {}",
                                             echod::humanize_duration(clock->maximum_error))
                               : "which is not synchronised";
}

} // namespace

WallTime start_time(const StartAt& start, WallTime now) {
    const WallTime at = start.at.value_or(now + start.after);
    if (at < now) {
        throw NotPossible(fmt::format("--start-at {}: that was {} ago by the clock of this machine "
                                      "({}; {})",
                                      start.text, echod::humanize_duration(now - at), utc_text(now),
                                      state_of_clock()));
    }
    return at;
}

Duration time_to_connect(const Options& options) {
    const double seconds = options.connect_rate ? options.connections / *options.connect_rate : 0.0;
    return kAhead + std::chrono::ceil<Duration>(std::chrono::duration<double>(seconds));
}

int wait_to_connect(const Options& options, WallTime start, Interruptions& interruptions) {
    const auto left = [start] { return start - std::chrono::system_clock::now(); };
    if (!options.quiet) {
        write_standard_error(
            fmt::format("the run begins at {}, in {}\n", utc_text(start),
                        echod::humanize_duration(std::max<Duration>(left(), Duration::zero()))),
            interruptions);
    }
    const Duration ahead = time_to_connect(options);
    int signal = 0;
    while (signal == 0 && left() > ahead) {
        signal = interruptions.pause(std::min<Duration>(left() - ahead, kLongestPause));
    }
    return signal;
}

} // namespace echoload
