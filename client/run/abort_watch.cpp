// SPDX-License-Identifier: MIT
#include "client/run/abort_watch.hpp"

namespace echoload {

namespace {

// An interval of a second that is a little early is judged all the same.
constexpr Duration kBetween = std::chrono::milliseconds(990);

} // namespace

bool AbortWatch::add(const LiveInterval& interval) {
    if (conditions_.empty() || aborted_) {
        return false;
    }
    so_far_.merge(interval.tally);
    if (!interval.measured || *interval.measured - judged_ < kBetween) {
        return false;
    }
    judged_ = *interval.measured;
    for (const GateResult& each :
         judge_gates(conditions_, {so_far_, open_loop_, interval.measured})) {
        if (each.passed) {
            aborted_ = Aborted{each.condition, *each.measured, *interval.measured};
            return true;
        }
    }
    return false;
}

} // namespace echoload
