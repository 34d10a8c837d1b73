// SPDX-License-Identifier: MIT
#include "server/loop/processors.hpp"

#include <sched.h>
#include <unistd.h>

#include <utility>

namespace echod {

bool has_several_processors() noexcept {
    return ::sysconf(_SC_NPROCESSORS_ONLN) != 1;
}

std::optional<int> only_processor() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) != 1) {
        return std::nullopt;
    }
    return ::sched_getcpu();
}

Processors::Processors(ControlGroupPlaces places)
    : places_(std::move(places)), last_(read_throttling(::getpid(), places_)) {}

bool Processors::throttled_again() {
    GroupThrottling now = read_throttling(::getpid(), places_);
    const auto counted = throttling_between(last_, now);
    last_ = std::move(now);
    return counted && counted->throttled != 0;
}

} // namespace echod
