// SPDX-License-Identifier: MIT
#include "client/report/text_request.hpp"

#include "base/units.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace echoload {

namespace {

using echod::format_duration;

std::string loop_text(const Options& options) {
    const std::string connections = fmt::format(
        "{} connection{}", group_digits(options.connections), options.connections == 1 ? "" : "s");
    if (!options.pace) {
        return fmt::format("closed loop, {} with {} in flight", connections, options.pipeline);
    }
    std::string rate = group_digits(static_cast<std::uint64_t>(std::llround(options.pace->first)));
    if (options.pace->is_ramp()) {
        rate += " to " + group_digits(static_cast<std::uint64_t>(std::llround(options.pace->last)));
    }
    return fmt::format("open loop, {} {}messages/s on {} with at most {} in flight", rate,
                       options.arrival == Arrival::poisson ? "Poisson " : "", connections,
                       options.pipeline);
}

void write_length(Out out, const Options& options) {
    if (options.duration) {
        fmt::format_to(out, "{}", format_duration(*options.duration));
    } else {
        fmt::format_to(out, "{} messages", group_digits(*options.messages));
    }
    fmt::format_to(out, ", sizes {}, timeout {}", options.sizes.text(),
                   format_duration(options.timeout));
    if (options.drain) {
        fmt::format_to(out, ", drain {}", format_duration(*options.drain));
    }
    if (options.warmup != Duration::zero()) {
        fmt::format_to(out, ", warm-up {}", format_duration(options.warmup));
    }
}

void write_pace(Out out, const Options& options) {
    if (options.threads != 1) {
        fmt::format_to(out, ", {} threads", options.threads);
    }
    if (options.think != Duration::zero()) {
        fmt::format_to(out, ", think {}", format_duration(options.think));
    }
    if (options.pace) {
        fmt::format_to(out, ", at most {} due and unanswered", group_digits(options.max_in_flight));
    }
}

void write_connections(Out out, const Options& options) {
    if (options.connect_rate) {
        fmt::format_to(out, ", {:.0f} connections a second", *options.connect_rate);
    }
    if (options.source) {
        fmt::format_to(out, ", from {}", options.source->text());
    }
    if (options.resolve == Resolve::all) {
        fmt::format_to(out, ", to all addresses");
    }
    if (options.conn_messages) {
        fmt::format_to(out, ", {} messages a connection", group_digits(*options.conn_messages));
    }
    if (options.close != Close::fin) {
        fmt::format_to(out, ", close {}", echod::enum_name(options.close));
    }
}

void write_verification(Out out, const Options& options) {
    if (options.verify != VerifyLevel::full) {
        fmt::format_to(out, ", verify {}", echod::enum_name(options.verify));
    }
    if (options.on_mismatch == OnMismatch::count) {
        fmt::format_to(out, ", wrong echoes counted");
    }
    if (options.split != Split::none) {
        fmt::format_to(out, ", split {}", echod::enum_name(options.split));
    }
    if (options.coalesce != 1) {
        fmt::format_to(out, ", {} messages to a send call", options.coalesce);
    }
}

void write_abuse(Out out, const AbuseOptions& abuse) {
    if (abuse.total() != 0) {
        fmt::format_to(out, ", abuse {}", abuse.connections_text());
    }
    if (const std::string expected = abuse.expected_text(); !expected.empty()) {
        fmt::format_to(out, ", expect {}", expected);
    }
}

} // namespace

std::string request_text(const Options& options) {
    std::string text = fmt::format("echoload {}: {} to {}\n", ECHOD_VERSION, loop_text(options),
                                   joined(options.targets, ", "));
    const Out out(text);
    fmt::format_to(out, kLabel, "requested");
    write_length(out, options);
    write_pace(out, options);
    write_connections(out, options);
    write_verification(out, options);
    write_abuse(out, options.abuse);
    fmt::format_to(out, ", seed {}\n", options.seed);
    return text;
}

} // namespace echoload
