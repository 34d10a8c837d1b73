// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

namespace echoload {

namespace {

constexpr std::uint64_t kMaxThreads = 1024;
constexpr std::uint64_t kMaxConnMessages = 1'000'000'000'000'000;
constexpr Duration kMaxThink = std::chrono::hours(1);
constexpr std::uint64_t kMaxRate = 100'000'000;
constexpr std::uint64_t kMaxInFlight = 100'000'000;

Pace pace_in(const std::string& text) {
    Pace pace;
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) {
        pace.first = pace.last = static_cast<double>(count_in(text, 1, kMaxRate));
        return pace;
    }
    pace.first = static_cast<double>(count_in(text.substr(0, colon), 0, kMaxRate));
    pace.last = static_cast<double>(count_in(text.substr(colon + 1), 0, kMaxRate));
    if (pace.first + pace.last == 0) {
        throw std::invalid_argument(fmt::format("must not be 0 all the time, is '{}'", text));
    }
    return pace;
}

} // namespace

void add_pace_options(OptionReader& reader, Options& options) {
    reader.add("-t,--threads", "event loops, each with a thread and a share of the connections [1]",
               "N", [&options](const std::string& text) {
                   options.threads = static_cast<std::uint32_t>(count_in(text, 1, kMaxThreads));
               });
    reader.add(
        "-R,--rate",
        "open loop: messages a second in all, sent when they are due whatever the server does; "
        "A:B goes from A to B over --duration",
        "N|A:B", [&options](const std::string& text) { options.pace = pace_in(text); });
    reader.add("--think", "closed loop: pause after an echo before the next message [0s]", "T",
               [&options](const std::string& text) {
                   options.think = duration_in(text, Duration::zero(), kMaxThink);
               });
    reader.exclude("--think", "--rate");
    reader.add_choice<Arrival>(
        "--arrival", "open loop: const, evenly, or poisson, at random [const]", "LAW",
        options.arrival, {{"const", Arrival::constant}, {"poisson", Arrival::poisson}});
    reader.need("--arrival", "--rate");
    reader.add(
        "--max-in-flight",
        "open loop: due and unanswered messages in all; what is due beyond them is shed [100k]",
        "N", [&options](const std::string& text) {
            options.max_in_flight = count_in(text, 1, kMaxInFlight);
        });
    reader.need("--max-in-flight", "--rate");
}

void add_ending_options(OptionReader& reader, Options& options) {
    reader.add("--conn-messages", "after which a connection is closed and another one opened", "N",
               [&options](const std::string& text) {
                   options.conn_messages = count_in(text, 1, kMaxConnMessages);
               });
    reader.add("--source",
               "address that connections come from, or a network of such [the system's]",
               "ADDR|CIDR",
               [&options](const std::string& text) { options.source = SourceRange::parse(text); });
    reader.add_choice<Close>(
        "--close",
        "how a connection ends: fin and rst once all is answered; half: once all is "
        "sent, then what "
        "is owed and the end of file have to come [fin]",
        "HOW", options.close, {{"fin", Close::fin}, {"half", Close::half}, {"rst", Close::reset}});
}

void check_pace(const Options& options) {
    if (options.pace && options.coalesce > 1) {
        throw std::invalid_argument(
            "--rate sends a message when it is due and excludes --coalesce");
    }
    if (options.threads > options.connections) {
        throw std::invalid_argument(fmt::format("--threads {} needs as many --connections, not {}",
                                                options.threads, options.connections));
    }
    if (options.threads > options.max_in_flight) {
        throw std::invalid_argument(
            fmt::format("--threads {} needs as much --max-in-flight, not {}", options.threads,
                        options.max_in_flight));
    }
    if (options.pace && options.pace->is_ramp() && options.messages) {
        throw std::invalid_argument("--rate A:B changes over --duration and excludes --messages");
    }
}

} // namespace echoload
