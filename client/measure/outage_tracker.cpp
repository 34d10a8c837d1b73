// SPDX-License-Identifier: MIT
#include "client/measure/outage_tracker.hpp"

#include <utility>

namespace echoload {

OutageTracker::OutageTracker(std::uint32_t connections, std::vector<std::string> targets,
                             TimePoint start)
    : start_(start), names_(std::move(targets)), connections_(connections),
      targets_(names_.size()) {}

void OutageTracker::opens(std::uint32_t id, std::size_t target, TimePoint now) {
    if (!std::exchange(connections_[id].opened, true)) {
        connections_[id].last_right = now;
    }
    if (!std::exchange(targets_[target].opened, true)) {
        targets_[target].last_right = now;
    }
}

void OutageTracker::lost(std::uint32_t id, std::size_t target, std::uint64_t messages,
                         const std::optional<ErrorCount>& error, TimePoint now) {
    Target& of = targets_[target];
    if (!std::exchange(of.is_out, true)) {
        of.outage = {};
        of.outage.target = names_[target];
        of.outage.noticed = now - start_;
        of.outage.from = of.outage.to = of.last_right - start_;
    }
    Connection& connection = connections_[id];
    connection.interrupted = true;
    if (!std::exchange(connection.awaited, true)) {
        ++of.awaited;
        ++of.outage.connections;
    }
    of.outage.messages_lost += messages;
    if (error) {
        of.outage.errors.add(error->phase, error->error, error->count);
    }
}

void OutageTracker::idle(std::uint32_t id, std::size_t target) noexcept {
    if (std::exchange(connections_[id].awaited, false)) {
        --targets_[target].awaited;
    }
}

void OutageTracker::note_answered(std::uint32_t id, std::size_t target, TimePoint now) {
    Target& of = targets_[target];
    Connection& connection = connections_[id];
    if (std::exchange(connection.interrupted, false)) {
        outages_.interruptions.record(now - connection.last_right);
        of.outage.restored = now - start_;
    }
    idle(id, target);
    if (of.is_out) {
        note_gap(of, now, true);
        if (of.awaited == 0) {
            of.outage.restored = of.outage.restored.value_or(of.outage.to);
            end(of);
        }
    }
}

// The longest time without a right echo is what the outage is about.
void OutageTracker::note_gap(Outage& outage, Duration last_right, Duration now,
                             bool over) noexcept {
    if (!outage.over || now - last_right > outage.length()) {
        outage.from = last_right;
        outage.to = now;
        outage.over = over;
    }
}

void OutageTracker::end(Target& target) {
    target.is_out = false;
    interval_.add(target.outage);
    outages_.add(std::move(target.outage));
}

LoopOutages OutageTracker::take_interval(TimePoint now) {
    for (const Target& target : targets_) {
        if (target.is_out) {
            Outage so_far = target.outage;
            note_gap(so_far, target.last_right - start_, now - start_, false);
            so_far.restored.reset();
            interval_.current.push_back(std::move(so_far));
        }
    }
    return std::exchange(interval_, {});
}

Outages OutageTracker::finish(TimePoint now) {
    for (Target& target : targets_) {
        if (target.is_out) {
            note_gap(target, now, false);
            if (target.awaited != 0) {
                target.outage.restored.reset();
            }
            end(target);
        }
    }
    for (const Connection& connection : connections_) {
        if (connection.awaited) {
            outages_.interruptions.record(now - connection.last_right);
            ++outages_.not_restored;
        }
    }
    return std::move(outages_);
}

} // namespace echoload
