// SPDX-License-Identifier: MIT
#include "client/measure/clock_state.hpp"

#include <sys/timex.h>

#include <chrono>

namespace echoload {

std::optional<ClockState> read_clock_state() noexcept {
    timex state{}; // no mode: it reads only
    const int result = ::adjtimex(&state);
    if (result < 0) {
        return std::nullopt;
    }
    return ClockState{result != TIME_ERROR && (state.status & STA_UNSYNC) == 0,
                      std::chrono::microseconds(state.esterror),
                      std::chrono::microseconds(state.maxerror)};
}

} // namespace echoload
