// SPDX-License-Identifier: MIT
#include "client/report/text_request.hpp"

#include "base/units.hpp"
#include "client/message/classify.hpp"
#include "client/options/abuse_cohorts.hpp"
#include "client/report/figures.hpp"
#include "client/report/text_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace echoload {

namespace {

// "1,000", or "-".
std::string count_text(const Json& requested, const char* key) {
    const auto count = value_at<std::uint64_t>(requested, key);
    return count ? group_digits(*count) : "-";
}

// "10s", or "-".
std::string duration_text(const Json& requested, const char* key) {
    const auto seconds = value_at<double>(requested, key);
    return seconds ? echod::format_duration(duration_of(*seconds)) : "-";
}

// Whether the option is known and differs from its default.
template <class T>
bool differs(const Json& requested, const char* key, const T& usual) {
    const auto value = value_at<T>(requested, key);
    return value && *value != usual;
}

std::string rate_text(const Json& requested) {
    const auto first = value_at<double>(requested, "rate");
    const auto last = value_at<double>(requested, "rate_at_end");
    if (const auto stages = value_at<std::string>(requested, "stages")) {
        return *stages;
    }
    if (!first) {
        return "-";
    }
    return whole_rate(*first) + (last && *last != *first ? " to " + whole_rate(*last) : "");
}

std::string loop_text(const Json& requested) {
    const std::string connections =
        fmt::format("{} connection{}", count_text(requested, "connections"),
                    value_at<std::uint64_t>(requested, "connections") == 1 ? "" : "s");
    const std::string pipeline = text_or_dash(requested, "pipeline");
    if (loop_of(requested) != "open") {
        return fmt::format("{} loop, {} with {} in flight", loop_of(requested), connections,
                           pipeline);
    }
    return fmt::format("open loop, {} {}messages/s on {} with at most {} in flight",
                       rate_text(requested),
                       value_at<std::string>(requested, "arrival") == "poisson" ? "Poisson " : "",
                       connections, pipeline);
}

void write_length(Out out, const Json& requested) {
    if (value_at<std::uint64_t>(requested, "messages")) {
        fmt::format_to(out, "{} messages", count_text(requested, "messages"));
    } else if (value_at<double>(requested, "duration_s")) {
        fmt::format_to(out, "{}", duration_text(requested, "duration_s"));
    } else {
        fmt::format_to(out, "until a signal");
    }
    fmt::format_to(out, ", sizes {}, timeout {}", text_or_dash(requested, "sizes"),
                   duration_text(requested, "timeout_s"));
    if (value_at<double>(requested, "drain_s")) {
        fmt::format_to(out, ", drain {}", duration_text(requested, "drain_s"));
    }
    if (differs(requested, "warmup_s", 0.0)) {
        fmt::format_to(out, ", warm-up {}", duration_text(requested, "warmup_s"));
    }
}

void write_pace(Out out, const Json& requested) {
    if (differs<std::uint64_t>(requested, "threads", 1)) {
        fmt::format_to(out, ", {} threads", text_or_dash(requested, "threads"));
    }
    if (const auto cpus = value_at<Json>(requested, "cpus")) {
        std::vector<std::string> names;
        for (const Json& cpu : *cpus) {
            names.push_back(cpu.dump());
        }
        fmt::format_to(out, ", on processors {}", joined(names, ","));
    }
    if (differs(requested, "busy_poll_s", 0.0)) {
        fmt::format_to(out, ", busy poll {}", duration_text(requested, "busy_poll_s"));
    }
    if (differs(requested, "think_s", 0.0)) {
        fmt::format_to(out, ", think {}", duration_text(requested, "think_s"));
    }
    if (loop_of(requested) == "open") {
        fmt::format_to(out, ", at most {} due and unanswered",
                       count_text(requested, "max_in_flight"));
    }
}

void write_connections(Out out, const Json& requested) {
    if (const auto rate = value_at<double>(requested, "connect_rate")) {
        fmt::format_to(out, ", {:.0f} connections a second", *rate);
    }
    if (value_at<bool>(requested, "reconnect") == true) {
        fmt::format_to(out, ", reconnecting");
    }
    if (const auto source = value_at<std::string>(requested, "source")) {
        fmt::format_to(out, ", from {}", *source);
    }
    if (value_at<std::string>(requested, "resolve") == "all") {
        fmt::format_to(out, ", to all addresses");
    }
    if (value_at<std::uint64_t>(requested, "conn_messages")) {
        fmt::format_to(out, ", {} messages a connection", count_text(requested, "conn_messages"));
    }
    if (differs<std::string>(requested, "close", "fin")) {
        fmt::format_to(out, ", close {}", text_or_dash(requested, "close"));
    }
}

void write_verification(Out out, const Json& requested) {
    if (differs<std::string>(requested, "verify", "full")) {
        fmt::format_to(out, ", verify {}", text_or_dash(requested, "verify"));
    }
    if (value_at<std::string>(requested, "on_mismatch") == "count") {
        fmt::format_to(out, ", wrong echoes counted");
    }
    if (differs<std::string>(requested, "split", "none")) {
        fmt::format_to(out, ", split {}", text_or_dash(requested, "split"));
    }
    if (differs<std::uint64_t>(requested, "coalesce", 1)) {
        fmt::format_to(out, ", {} messages to a send call", text_or_dash(requested, "coalesce"));
    }
}

// "idle:2,rst:7", in the order of the modes.
std::string text_of_modes(const Json& values, const char* between) {
    std::vector<std::string> parts;
    for (const std::string_view mode : echod::kEnumNames<AbuseMode>) {
        const std::string name(mode);
        if (values.contains(name)) {
            parts.push_back(name + between + text_or_dash(values, name.c_str()));
        }
    }
    return joined(parts, ",");
}

void write_abuse(Out out, const Json& requested) {
    if (const auto modes = value_at<Json>(requested, "abuse")) {
        fmt::format_to(out, ", abuse {}", text_of_modes(*modes, ":"));
    }
    if (const auto expected = value_at<Json>(requested, "expect")) {
        fmt::format_to(out, ", expect {}", text_of_modes(*expected, "="));
    }
}

void write_part(Out out, const Json& requested) {
    if (const auto part = value_at<std::string>(requested, "part")) {
        fmt::format_to(out, ", of which this is part {}", *part);
    }
}

// Options that every run has: where one is null, the parts of a merged result differ in it.
void write_different(Out out, const Json& requested) {
    std::vector<std::string> names;
    for (const char* key : {"warmup_s", "threads", "think_s", "reconnect", "resolve", "close",
                            "verify", "on_mismatch", "split", "coalesce", "arrival"}) {
        if (requested.contains(key) && requested[key].is_null()) {
            names.emplace_back(key);
        }
    }
    if (!names.empty()) {
        fmt::format_to(out, ", with different {}", joined(names, ", "));
    }
}

} // namespace

std::string text_or_dash(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return "-";
    }
    return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string_view what_was_right(const Json& requested) {
    const auto name = value_at<std::string>(requested, "verify");
    const auto level = name ? echod::enum_value<VerifyLevel>(*name) : std::nullopt;
    return level ? what_was_right(*level) : "no echo was wrong";
}

std::string loop_of(const Json& requested) {
    return text_or_dash(requested, "loop");
}

std::string request_text(const StoredResult& result) {
    const Json& requested = result.requested;
    const std::string version =
        result.version.is_string() ? result.version.get<std::string>() : "-";
    std::string text = fmt::format("echoload {}: {} to {}\n", version, loop_text(requested),
                                   joined(targets_of(requested), ", "));
    const Out out(text);
    fmt::format_to(out, kLabel, "requested");
    write_length(out, requested);
    write_pace(out, requested);
    write_connections(out, requested);
    write_verification(out, requested);
    write_abuse(out, requested);
    write_different(out, requested);
    write_part(out, requested);
    fmt::format_to(out, ", seed {}\n", result.seed.is_null() ? "-" : result.seed.dump());
    return text;
}

} // namespace echoload
