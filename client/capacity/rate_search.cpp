// SPDX-License-Identifier: MIT
#include "client/capacity/rate_search.hpp"

#include <algorithm>
#include <cmath>

namespace echoload {

void RateSearch::add(double rate, StepFinding finding) {
    Votes& votes = votes_[rate];
    switch (finding) {
    case StepFinding::holds:
        ++votes.holds;
        break;
    case StepFinding::fails:
        ++votes.fails;
        break;
    case StepFinding::client_limited:
        ++votes.client_limited;
        break;
    case StepFinding::unmeasured:
        ++votes.unmeasured;
        break;
    }
}

// Rates above one that does not hold are not looked at: that they held was chance.
RateSearch::Edge RateSearch::edge() const {
    Edge edge;
    for (const auto& [rate, votes] : votes_) {
        if (is_refused(votes)) {
            edge.beyond = rate;
            break;
        }
        if (votes.holds > votes.against()) {
            edge.rate = rate;
        }
    }
    return edge;
}

std::optional<double> RateSearch::undecided() const {
    for (const auto& [rate, votes] : votes_) {
        if (votes.against() >= votes.holds && !is_refused(votes)) {
            return rate;
        }
    }
    return std::nullopt;
}

// A whole number whose ratio to both is about the same; nothing where the two are near enough.
std::optional<double> RateSearch::between(double low, double high) const {
    const double middle = std::round(std::sqrt(low * high));
    const bool is_near = high <= low * (1 + range_.precision);
    return !is_near && middle > low && middle < high ? std::optional(middle) : std::nullopt;
}

std::optional<double> RateSearch::next() const {
    if (votes_.empty()) {
        return range_.lowest;
    }
    if (const auto rate = undecided()) {
        return rate;
    }
    const Edge found = edge();
    if (!found.rate) {
        return std::nullopt;
    }
    if (!found.beyond && *found.rate < range_.highest) {
        return std::min(2 * *found.rate, range_.highest);
    }
    if (found.beyond) {
        if (const auto rate = between(*found.rate, *found.beyond)) {
            return rate;
        }
    }
    if (!is_settled(*found.rate)) {
        return found.rate;
    }
    return found.beyond && !is_settled(*found.beyond) ? found.beyond : std::nullopt;
}

// Whether a rate at the edge has the runs that it takes there.
bool RateSearch::is_settled(double rate) const {
    const Votes& votes = votes_.at(rate);
    return is_most(std::max(votes.holds, votes.against()), 2 * range_.repeats - 1);
}

StepFinding RateSearch::finding_at(double rate) const {
    const auto found = votes_.find(rate);
    if (found == votes_.end()) {
        return StepFinding::unmeasured;
    }
    const Votes& votes = found->second;
    if (votes.holds > votes.against()) {
        return StepFinding::holds;
    }
    if (votes.fails >= std::max(votes.client_limited, votes.unmeasured)) {
        return StepFinding::fails;
    }
    return votes.client_limited >= votes.unmeasured ? StepFinding::client_limited
                                                    : StepFinding::unmeasured;
}

SearchAnswer RateSearch::answer() const {
    const Edge found = edge();
    SearchAnswer answer;
    answer.rate = found.rate;
    answer.beyond = found.beyond;
    answer.complete = !next();
    if (found.beyond) {
        answer.limit = finding_at(*found.beyond);
    }
    for (const auto& [rate, votes] : votes_) {
        if (votes.against() != 0 || !found.rate || rate > *found.rate) {
            break;
        }
        answer.low = rate;
    }
    // From the highest rate down, as long as none held. What the client could not send says nothing
    // of the rates above.
    for (auto each = votes_.rbegin(); each != votes_.rend() && each->second.holds == 0; ++each) {
        answer.high = each->second.fails != 0 ? std::optional(each->first) : answer.high;
    }
    if (answer.limit != StepFinding::fails) {
        answer.high.reset();
    }
    return answer;
}

} // namespace echoload
