// SPDX-License-Identifier: MIT
#include "server/loop/rate_limit.hpp"

#include <utility>

namespace echod {

std::optional<std::uint64_t> RateLimit::allow(TimePoint now, std::uint64_t times) noexcept {
    if (next_ && now < *next_) {
        suppressed_ += times;
        return std::nullopt;
    }
    next_ = now + kPause;
    return std::exchange(suppressed_, 0) + times - 1;
}

} // namespace echod
