// SPDX-License-Identifier: MIT
#include "client/capacity/sweep.hpp"

#include "client/statistics/median.hpp"

#include <algorithm>
#include <cmath>

namespace echoload {

std::vector<double> even_points(double first, double last, std::uint32_t count) {
    std::vector<double> points;
    for (std::uint32_t i = 0; i < count; ++i) {
        const double share = count == 1 ? 0 : static_cast<double>(i) / (count - 1);
        const double point = std::round(first + (last - first) * share);
        if (points.empty() || points.back() != point) {
            points.push_back(point);
        }
    }
    return points;
}

std::optional<std::size_t> Sweep::next() const noexcept {
    const auto fewest =
        std::min_element(done_.begin(), done_.end(),
                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
    if (fewest == done_.end() || fewest->size() >= runs_) {
        return std::nullopt;
    }
    const std::size_t pass = fewest->size();
    std::size_t point = static_cast<std::size_t>(fewest - done_.begin());
    if (pass % 2 != 0) { // the last that has as few
        for (point = done_.size() - 1; done_[point].size() != pass;) {
            --point;
        }
    }
    return point;
}

void Sweep::add(std::size_t point, const StepFigures& figures, StepFinding finding) {
    done_[point].push_back({figures, finding});
}

Sweep::Point Sweep::at(std::size_t point) const {
    const std::vector<Run>& runs = done_[point];
    Point sum;
    sum.runs = static_cast<std::uint32_t>(runs.size());
    for (std::size_t i = 0; i < std::size(kStepFigures); ++i) {
        std::vector<double> values;
        for (const Run& run : runs) {
            if (const auto& value = run.figures.values[i]) {
                values.push_back(*value);
            }
        }
        if (!values.empty()) {
            sum.median.values[i] = median(values);
        }
    }
    std::ptrdiff_t most = 0;
    for (const StepFinding each : {StepFinding::holds, StepFinding::fails,
                                   StepFinding::client_limited, StepFinding::unmeasured}) {
        const auto count = std::count_if(runs.begin(), runs.end(),
                                         [each](const Run& run) { return run.finding == each; });
        if (count != 0 && count >= most) {
            most = count;
            sum.finding = each;
        }
    }
    return sum;
}

} // namespace echoload
