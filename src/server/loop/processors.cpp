// SPDX-License-Identifier: MIT
#include "server/loop/processors.hpp"

#include <unistd.h>

#include <utility>

namespace echod {

bool has_several_processors() noexcept {
    return ::sysconf(_SC_NPROCESSORS_ONLN) != 1;
}

Processors::Processors() : last_(read_throttling(::getpid())) {}

bool Processors::throttled_again() {
    GroupThrottling now = read_throttling(::getpid());
    const auto counted = throttling_between(last_, now);
    last_ = std::move(now);
    return counted && counted->throttled != 0;
}

} // namespace echod
