// SPDX-License-Identifier: MIT
#include "client/compare/compare.hpp"

#include "base/units.hpp"
#include "client/options/compare_options.hpp"
#include "client/report/figures.hpp"
#include "client/report/read.hpp"
#include "client/result/bad_result.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <limits>

namespace echoload {

namespace {

constexpr int kGateFailed = 3;

using Out = std::back_insert_iterator<std::string>;

// The latencies by the names that figures have, in the order of the table.
struct LatencyName {
    const char* name;
    const char* key;
};
constexpr LatencyName kLatencyNames[] = {{"response", "response"},
                                         {"service", "latency"},
                                         {"connect", "connect_latency"},
                                         {"lag", "lag"}};

// The latency of that name, or the one that limits mean: the response time where there is one.
const StoredLatency* find_latency(const StoredResult& result, std::string_view name) {
    if (name.empty()) {
        const StoredLatency* const response = result.find_latency("response");
        return response != nullptr ? response : result.find_latency("latency");
    }
    for (const LatencyName& each : kLatencyNames) {
        if (name == each.name) {
            return result.find_latency(each.key);
        }
    }
    return nullptr;
}

// As --max-error-rate counts.
std::optional<double> error_rate_of(const StoredResult& result) {
    return error_rate(result.messages.value_or(MessageCounts()),
                      result.connections.value_or(ConnectionFigures()));
}

std::optional<double> value_of(const StoredResult& result, const Figure& figure) {
    if (figure.of_time) {
        const StoredLatency* const latency = find_latency(result, figure.latency);
        const auto value =
            latency == nullptr ? std::nullopt : figure.of_time->of(latency->histogram);
        return value ? std::optional(static_cast<double>(value->count())) : std::nullopt;
    }
    const StoredRate rate = result.rate.value_or(StoredRate());
    switch (figure.unit) {
    case Unit::share:
        return error_rate_of(result);
    case Unit::messages:
        return static_cast<double>(result.messages.value_or(MessageCounts()).lost);
    case Unit::bytes_per_second:
        return rate.bytes_per_s;
    case Unit::per_second:
    case Unit::nanoseconds:
        break;
    }
    return rate.messages_per_s;
}

std::string text_of(const Figure& figure, std::optional<double> value) {
    return value ? rounded_value(figure.unit, *value) : "-";
}

// By how many percent `after` differs from `before`; nothing where one of them is absent.
std::optional<double> change(std::optional<double> before, std::optional<double> after) {
    if (!before || !after) {
        return std::nullopt;
    }
    if (*before == 0) {
        return *after == 0 ? 0 : std::numeric_limits<double>::infinity();
    }
    return (*after - *before) / *before * 100;
}

std::string change_text(std::optional<double> percent) {
    if (!percent) {
        return "-";
    }
    return std::isinf(*percent) ? "from 0" : fmt::format("{:+.1f}%", *percent);
}

void write_row(Out out, std::string_view name, std::string_view a, std::string_view b,
               std::string_view difference) {
    fmt::format_to(out, "{:<16}{:>16}{:>16}{:>14}\n", name, a, b, difference);
}

// No row where neither result has the figure.
void write_figure(Out out, const std::string& name, const StoredResult& a, const StoredResult& b) {
    const auto figure = Figure::parse(name);
    const auto before = value_of(a, *figure);
    const auto after = value_of(b, *figure);
    if (before || after) {
        write_row(out, name, text_of(*figure, before), text_of(*figure, after),
                  change_text(change(before, after)));
    }
}

void write_latencies(Out out, const StoredResult& a, const StoredResult& b) {
    for (const LatencyName& latency : kLatencyNames) {
        const std::string prefix = std::string(latency.name) + ".";
        write_figure(out, prefix + "min", a, b);
        write_figure(out, prefix + "mean", a, b);
        for (const double percent : kPercentiles) {
            write_figure(out, prefix + percentile_name(percent), a, b);
        }
        write_figure(out, prefix + "max", a, b);
    }
}

// Figures of different loads do not compare, so each option that differs is reported. Targets are
// not: where the same load went is no part of the load.
void write_options_differ(Out out, const Json& a, const Json& b) {
    for (const auto& item : a.items()) {
        const auto other = b.find(item.key());
        if (item.key() != "targets" && other != b.end() && *other != item.value()) {
            fmt::format_to(out, "options differ: {} {}, {}\n", item.key(), item.value().dump(),
                           other->dump());
        }
    }
}

// Options on which every figure depends: with another value, the difference is that of the loads.
constexpr const char* kOptionsOfTheLoad[] = {
    "loop",    "rate",  "rate_at_end", "arrival", "sizes",         "connections", "pipeline",
    "think_s", "split", "coalesce",    "close",   "conn_messages", "verify"};

// Throws BadResult that names the options of the load that differ.
void require_same_load(const CompareOptions& options, const Json& a, const Json& b) {
    std::string different;
    for (const char* key : kOptionsOfTheLoad) {
        const auto before = a.find(key);
        const auto after = b.find(key);
        if (before != a.end() && after != b.end() && *before != *after) {
            different += fmt::format("{}{} {}, {}", different.empty() ? "" : "; ", key,
                                     before->dump(), after->dump());
        }
    }
    if (!different.empty()) {
        throw BadResult(fmt::format("{} and {} are results of different loads ({}): repeat one of "
                                    "the runs with the options of the other, or give --force",
                                    options.before, options.after, different));
    }
}

// Whether the figures of a run with that verdict are those of the requested load.
bool is_sound(const StoredVerdict& verdict) {
    const auto outcome = echod::enum_value<Outcome>(verdict.outcome);
    return outcome && *outcome >= Outcome::gate_failed;
}

// Whether the run was not sound, with a line of `text` about it.
bool judge_run(std::string_view side, const StoredVerdict& verdict, std::string& text) {
    if (is_sound(verdict)) {
        return false;
    }
    fmt::format_to(Out(text), "fail-if: the verdict of {} is {}{}{}: failed\n", side,
                   verdict.outcome, verdict.reasons.empty() ? "" : ", ",
                   verdict.reasons.empty() ? "" : verdict.reasons.front());
    return true;
}

// Whether the condition holds, with a line of `text` about it. Without a figure it does.
bool judge(const Condition& condition, const StoredResult& a, const StoredResult& b,
           std::string& text) {
    const auto before = value_of(a, condition.figure);
    const auto after = value_of(b, condition.figure);
    const auto judged = condition.relative ? change(before, after) : after;
    const bool holds = !judged || condition.holds(*judged);
    fmt::format_to(Out(text), "fail-if {}: {}, {} to {}: {}\n", condition.text,
                   change_text(change(before, after)), text_of(condition.figure, before),
                   text_of(condition.figure, after),
                   !judged ? "failed, there is no figure" : (holds ? "failed" : "passed"));
    return holds;
}

} // namespace

CommandOutput compare_results(const CompareOptions& options) {
    const StoredResult a = read_result(options.before);
    const StoredResult b = read_result(options.after);
    if (!options.force) {
        require_same_load(options, a.requested, b.requested);
    }
    CommandOutput compared;
    const Out out(compared.text);
    fmt::format_to(out, "A {}\nB {}\n", options.before, options.after);
    write_options_differ(out, a.requested, b.requested);
    write_row(out, "", "A", "B", "difference");
    write_figure(out, "rate", a, b);
    write_figure(out, "bytes", a, b);
    write_latencies(out, a, b);
    write_figure(out, "error-rate", a, b);
    write_row(out, "verdict", a.verdict.outcome, b.verdict.outcome, "");
    if (!options.fail_if.empty()) {
        const bool bad_a = judge_run("A", a.verdict, compared.text);
        const bool bad_b = judge_run("B", b.verdict, compared.text);
        compared.exit_code = bad_a || bad_b ? kGateFailed : 0;
    }
    for (const Condition& condition : options.fail_if) {
        if (judge(condition, a, b, compared.text)) {
            compared.exit_code = kGateFailed;
        }
    }
    return compared;
}

} // namespace echoload
