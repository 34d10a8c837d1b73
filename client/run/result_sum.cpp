// SPDX-License-Identifier: MIT
#include "client/run/result_sum.hpp"

#include <algorithm>

namespace echoload {

namespace {

void keep_later(std::optional<TimePoint>& latest, std::optional<TimePoint> time) {
    latest = std::max(latest, time); // nothing is before any time
}

} // namespace

void ResultSum::add(const WorkerResult& part) {
    result_.tally.merge(part.tally);
    result_.peak += part.peak;
    result_.not_tried += part.not_tried;
    result_.unassigned += part.unassigned;
    if (part.use) {
        LoopUse use = *part.use;
        use.lag_p99 = part.tally.lag.percentile(99);
        use.lag_max = part.tally.lag.max();
        result_.loops.push_back(use);
    }
    add_mismatches(part.mismatches);
    add_uses(result_.addresses, part.addresses);
    course_.merge(part.course);
    connections_.insert(connections_.end(), part.connections.begin(), part.connections.end());
    if (part.outages) {
        outages_.push_back(*part.outages);
    }
    keep_later(ramped_, part.ramped);
    keep_later(last_measured_, part.last_measured);
    keep_later(last_due_, part.last_due);
    sent_in_time_ += part.sent_in_time.value_or(part.tally.messages.measured_sent);
}

void ResultSum::add_abuse(const AbuseResult& abuse, const std::vector<Mismatch>& mismatches) {
    result_.abuse = abuse;
    add_mismatches(mismatches);
}

void ResultSum::add_failure(const std::string& reason) {
    if (result_.failure.empty()) {
        result_.failure = reason;
    }
}

void ResultSum::add_mismatches(const std::vector<Mismatch>& mismatches) {
    const std::size_t room = kMismatchesDescribed - result_.mismatches.size();
    const auto end =
        mismatches.begin() + static_cast<std::ptrdiff_t>(std::min(room, mismatches.size()));
    result_.mismatches.insert(result_.mismatches.end(), mismatches.begin(), end);
}

// The schedule is as long as was requested, or until the run ended before. Without a duration it
// has no length of its own: it is as long as its messages are at the rate, or at random arrivals
// until the last of them is due. Where the run ended before the first one was, there is no rate.
std::optional<AchievedRate> ResultSum::achieved_rate(const RequestedLoad& load,
                                                     const RunTimes& times) const {
    if (!load.pace || (load.messages && !last_due_)) {
        return std::nullopt;
    }
    const TimePoint end = std::min(times.stop_at, times.end);
    const TimePoint to = load.messages ? std::min(*last_due_, end) : end;
    const auto due = static_cast<double>(result_.tally.messages.measured_due);
    double seconds = echod::to_seconds(to - times.measure_from);
    if (load.messages && load.arrival == Arrival::constant) {
        seconds = due / load.pace->first;
    }
    if (seconds <= 0) {
        return std::nullopt;
    }
    return AchievedRate{due / seconds, static_cast<double>(sent_in_time_) / seconds};
}

RunResult ResultSum::finish(const RequestedLoad& load, const RunTimes& times, int signal) {
    result_.signal = signal;
    result_.elapsed = times.end - times.start;
    result_.ended = std::chrono::system_clock::now();
    result_.clock = read_clock_state();
    if (ramped_) {
        result_.ramp_up = *ramped_ - times.start;
    }
    // With -d the window ends at the end of that time, with -n at the last echo; earlier if the
    // run ended earlier.
    const TimePoint last = load.messages && last_measured_ ? *last_measured_ : times.end;
    const TimePoint to = std::min({times.stop_at, last, times.end});
    if (times.measure_from < to && result_.tally.connections.up != 0) {
        result_.window = to - times.measure_from;
        result_.rate = achieved_rate(load, times);
        if (!load.pace || !load.pace->is_ramp()) { // or it is meant to change
            result_.steadiness = find_steadiness(course_, *result_.window);
        }
    }
    if (!outages_.empty()) {
        result_.outages = merge_outages(outages_);
    }
    result_.fairness = find_fairness(std::move(connections_));
    return std::move(result_);
}

} // namespace echoload
