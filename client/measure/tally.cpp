// SPDX-License-Identifier: MIT
#include "client/measure/tally.hpp"

#include <algorithm>
#include <tuple>

namespace echoload {

void ErrorTable::add(Phase phase, int error, std::uint64_t count) {
    const auto place = std::lower_bound(rows_.begin(), rows_.end(), std::tuple(phase, error),
                                        [](const ErrorCount& row, const auto& key) {
                                            return std::tuple(row.phase, row.error) < key;
                                        });
    if (place != rows_.end() && place->phase == phase && place->error == error) {
        place->count += count;
    } else {
        rows_.insert(place, {phase, error, count});
    }
}

void ErrorTable::merge(const ErrorTable& other) {
    for (const ErrorCount& row : other.rows_) {
        add(row.phase, row.error, row.count);
    }
}

std::uint64_t ErrorTable::total() const noexcept {
    std::uint64_t sum = 0;
    for (const ErrorCount& row : rows_) {
        sum += row.count;
    }
    return sum;
}

std::uint64_t ErrorTable::count(Phase phase, int error) const noexcept {
    std::uint64_t sum = 0;
    for (const ErrorCount& row : rows_) {
        sum += row.phase == phase && row.error == error ? row.count : 0;
    }
    return sum;
}

void Tally::merge(const Tally& other) {
    connections.up += other.connections.up;
    connections.failed += other.connections.failed;
    connections.closed_early += other.connections.closed_early;
    connections.replaced += other.connections.replaced;
    connections.drained += other.connections.drained;
    connections.measured_up += other.connections.measured_up;
    messages.sent += other.messages.sent;
    messages.verified += other.messages.verified;
    messages.wrong += other.messages.wrong;
    messages.timed_out += other.messages.timed_out;
    messages.lost += other.messages.lost;
    messages.in_flight += other.messages.in_flight;
    messages.measured += other.messages.measured;
    messages.carried_over += other.messages.carried_over;
    messages.in_window += other.messages.in_window;
    messages.due += other.messages.due;
    messages.shed += other.messages.shed;
    messages.unsent += other.messages.unsent;
    messages.measured_due += other.messages.measured_due;
    messages.measured_sent += other.messages.measured_sent;
    messages.measured_shed += other.messages.measured_shed;
    messages.measured_gone += other.messages.measured_gone;
    bytes.sent += other.bytes.sent;
    bytes.received += other.bytes.received;
    bytes.in_window += other.bytes.in_window;
    errors.merge(other.errors);
    mismatches += other.mismatches;
    for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
        wrong_by_kind[kind] += other.wrong_by_kind[kind];
    }
    service.merge(other.service);
    connect.merge(other.connect);
    response.merge(other.response);
    lag.merge(other.lag);
    stages.merge(other.stages);
}

void Tally::clear() noexcept {
    connections = {};
    messages = {};
    bytes = {};
    errors.clear();
    mismatches = 0;
    wrong_by_kind = {};
    service.clear();
    connect.clear();
    response.clear();
    lag.clear();
    stages.clear();
}

std::vector<NamedLatency> latencies(const Tally& tally, bool open_loop) {
    if (!open_loop) {
        return {{"latency", &tally.service}, {"connect_latency", &tally.connect}};
    }
    return {{"response", &tally.response},
            {"latency", &tally.service},
            {"lag", &tally.lag},
            {"connect_latency", &tally.connect}};
}

const Histogram& loop_latency(const Tally& tally, bool open_loop) noexcept {
    return open_loop ? tally.response : tally.service;
}

} // namespace echoload
