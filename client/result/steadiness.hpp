// SPDX-License-Identifier: MIT
// Whether the rate of a run stayed the same.
#pragma once

#include "client/measure/rate_course.hpp"

#include <optional>

namespace echoload {

/// The rate at the beginning and at the end of the measured part.
struct Steadiness {
    double first_third_per_s = 0;
    double last_third_per_s = 0;
    bool steady = true;

    /// By what share of the first the last differs; above 0 where the rate grew.
    [[nodiscard]] double change() const noexcept {
        return first_third_per_s == 0 ? 0 : last_third_per_s / first_third_per_s - 1;
    }
};

/// Compares the thirds of a measured part of that length. The rate is not steady where they differ
/// by more than a tenth, and by more than three standard errors of the difference, which the
/// variation within the two thirds gives. Nothing where the part is shorter than a second: what
/// happens in it is too little for a judgement.
[[nodiscard]] std::optional<Steadiness> find_steadiness(RateCourse course, Duration window);

} // namespace echoload
