// SPDX-License-Identifier: MIT
#include "client/measure/stage_tally.hpp"

#include <algorithm>

namespace echoload {

void StageTallies::begin(const std::vector<TimePoint>& ends) {
    ends_ = ends;
    rows_.resize(ends.size());
}

StageTally& StageTallies::of(TimePoint due) noexcept {
    const auto stage = std::upper_bound(ends_.begin(), ends_.end() - 1, due);
    return rows_[static_cast<std::size_t>(stage - ends_.begin())];
}

void StageTallies::merge(const StageTallies& other) {
    if (rows_.size() < other.rows_.size()) {
        rows_.resize(other.rows_.size());
    }
    for (std::size_t i = 0; i < other.rows_.size(); ++i) {
        rows_[i].due += other.rows_[i].due;
        rows_[i].shed += other.rows_[i].shed;
        rows_[i].verified += other.rows_[i].verified;
        rows_[i].response.merge(other.rows_[i].response);
    }
}

void StageTallies::clear() noexcept {
    for (StageTally& row : rows_) {
        row.due = row.shed = row.verified = 0;
        row.response.clear();
    }
}

} // namespace echoload
