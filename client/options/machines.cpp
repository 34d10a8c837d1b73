// SPDX-License-Identifier: MIT
#include "client/options/groups.hpp"

namespace echoload {

namespace {

// `what` is divided, and each part needs some of it.
void require_enough(const RunPart& part, std::uint64_t total, const char* what) {
    if (total < part.of) {
        throw std::invalid_argument(fmt::format("--part {} requires at least {} {}, not {}",
                                                part.text(), part.of, what, total));
    }
}

void divide_abuse(const RunPart& part, AbuseOptions& abuse, std::uint64_t& first) {
    for (std::size_t mode = 0; mode < kAbuseModes; ++mode) {
        std::uint32_t& connections = abuse.connections[mode];
        first += first_of(connections, part.share());
        connections = static_cast<std::uint32_t>(share_of(connections, part.share()));
        if (connections == 0) {
            abuse.expected[mode].reset();
        }
    }
}

} // namespace

void add_machine_options(OptionReader& reader, Options& options) {
    reader.add("--start-at",
               "Begin to send at that time: 2026-11-29T12:00:00Z, seconds since 1970, or +5s from "
               "now; connections are opened before",
               "TIME|+T",
               [&options](const std::string& text) { options.start_at = StartAt::parse(text); });
    reader.add("--part",
               "Run part I of N of this load, each on a machine of its own; all options but this "
               "one are those of the whole",
               "I/N", [&options](const std::string& text) { options.part = RunPart::parse(text); });
    reader.need("--part", "--seed");
    reader.exclude("--part", "--replay");
}

void take_part(Options& options) {
    if (!options.part) {
        return;
    }
    RunPart& part = *options.part;
    require_enough(part, options.connections, "--connections");
    require_enough(part, options.messages.value_or(part.of), "--messages");
    require_enough(part, options.max_in_flight, "--max-in-flight");
    check_abuse_options(options);
    part.connections = options.connections;
    part.messages = options.messages;
    part.connect_rate = options.connect_rate;
    part.pace = options.pace;
    part.max_in_flight = options.max_in_flight;
    part.abuse = options.abuse;
    const LoopShare share = part.share();
    part.first_connection = first_of(options.connections, share);
    options.connections = static_cast<std::uint32_t>(share_of(options.connections, share));
    if (options.messages) {
        options.messages = share_of(*options.messages, share);
    }
    if (options.connect_rate) {
        options.connect_rate = *options.connect_rate * options.connections / part.connections;
    }
    if (options.pace) {
        options.pace->first /= part.of;
        options.pace->last /= part.of;
        for (Stage& stage : options.pace->stages) {
            stage.first /= part.of;
            stage.last /= part.of;
        }
    }
    options.max_in_flight = share_of(options.max_in_flight, share);
    divide_abuse(part, options.abuse, part.first_abuser);
}

} // namespace echoload
