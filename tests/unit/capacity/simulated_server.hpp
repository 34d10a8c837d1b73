// SPDX-License-Identifier: MIT
// A server with a fixed service time and Poisson arrivals (M/D/1) on a simulated clock, and what
// queueing theory says of it.
#pragma once

#include "client/measure/gates.hpp"
#include "client/pace/arrivals.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace echoload {

/// One queue, served in order. A stall delays what comes in its middle.
struct SimulatedServer {
    Duration service = std::chrono::microseconds(100);
    Duration stall{}; ///< once, in the middle of the measured part
};

/// A run at `rate` for `length` after a warm-up, by the schedule of the real open loop.
inline Tally simulate(const SimulatedServer& server, double rate, Duration length,
                      std::uint64_t seed) {
    const TimePoint start(std::chrono::seconds(1000));
    const TimePoint measured = start + std::chrono::seconds(1);
    Arrivals arrivals({rate, rate}, Arrival::poisson, length, std::nullopt, {}, seed);
    arrivals.begin(start, measured);
    Tally tally;
    TimePoint free = start;
    Duration stall = server.stall;
    for (; arrivals.next() < measured + length; arrivals.advance()) {
        const TimePoint due = arrivals.next();
        if (stall != Duration::zero() && due >= measured + length / 2) {
            free = std::max(free, due) + stall;
            stall = Duration::zero();
        }
        free = std::max(free, due) + server.service;
        if (arrivals.measured()) {
            tally.response.record(free - due);
        }
    }
    return tally;
}

/// The mean response time by Pollaczek and Khinchine, in seconds.
inline double theory_mean(double rate, double service) {
    const double load = rate * service;
    return service + load * service / (2 * (1 - load));
}

/// The share of messages whose response takes at most `time` seconds (Erlang, 1909).
inline double theory_share(double rate, double service, double time) {
    const long double wait = time - service;
    long double sum = 0;
    long double factorial = 1;
    for (int i = 0; i * service <= wait; ++i) {
        factorial *= std::max(i, 1);
        const long double x = rate * (i * static_cast<long double>(service) - wait);
        sum += std::pow(x, i) / factorial * std::exp(-x);
    }
    return static_cast<double>((1 - rate * service) * sum);
}

/// The rate at which `holds` ceases to be true, between 0 and the server's.
template <class Holds>
double theory_edge(double service, Holds holds) {
    double low = 0;
    double high = 1 / service;
    for (int i = 0; i < 60; ++i) {
        const double middle = (low + high) / 2;
        (holds(middle) ? low : high) = middle;
    }
    return low;
}

} // namespace echoload
