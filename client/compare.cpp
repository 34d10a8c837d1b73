// SPDX-License-Identifier: MIT
#include "client/compare.hpp"

#include "base/units.hpp"
#include "client/report.hpp"
#include "client/report_json.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

namespace echoload {

namespace {

constexpr int kGateFailed = 3;

using Out = std::back_insert_iterator<std::string>;

// The latency of that name, or the one that limits mean: the response time where there is one.
const Json* find_latency(const Json& result, const std::string& name) {
    for (const char* key : {"response", "latency"}) {
        if (name.empty() && result.contains(key) && is_latency(result[key])) {
            return &result[key];
        }
    }
    const char* const key = name == "service"   ? "latency"
                            : name == "connect" ? "connect_latency"
                                                : name.c_str();
    return result.contains(key) && is_latency(result[key]) ? &result[key] : nullptr;
}

std::optional<double> number_in(const Json& result, const char* section, const char* key) {
    if (!result[section].is_object() || !result[section].contains(key) ||
        !result[section][key].is_number()) {
        return std::nullopt;
    }
    return result[section][key].get<double>();
}

std::uint64_t count_in(const Json& result, const char* section, const char* key) {
    const bool is_there = result.contains(section) && result[section].is_object() &&
                          result[section].contains(key) &&
                          result[section][key].is_number_unsigned();
    return is_there ? result[section][key].get<std::uint64_t>() : 0;
}

// As --max-error-rate counts. A closed loop has no schedule, and so none that was not sent.
std::optional<double> error_rate_of(const Json& result) {
    MessageCounts messages;
    messages.sent = count_in(result, "messages", "sent");
    messages.wrong = count_in(result, "messages", "wrong");
    messages.timed_out = count_in(result, "messages", "timed_out");
    messages.lost = count_in(result, "messages", "lost");
    messages.shed = count_in(result, "open_loop", "shed");
    messages.unsent = count_in(result, "open_loop", "unsent");
    ConnectionCounts connections;
    connections.up = count_in(result, "connections", "up");
    connections.failed = count_in(result, "connections", "failed");
    connections.closed_early = count_in(result, "connections", "ended_early");
    return error_rate(messages, connections);
}

std::optional<double> value_of(const Json& result, const ComparedFigure& figure) {
    if (figure.of_time) {
        const Json* const latency = find_latency(result, figure.latency);
        const auto value =
            latency == nullptr ? std::nullopt : figure.of_time->of(read_latency(*latency, ""));
        return value ? std::optional(static_cast<double>(value->count())) : std::nullopt;
    }
    if (figure.name == "error-rate") {
        return error_rate_of(result);
    }
    return number_in(result, "rate", figure.name == "rate" ? "messages_per_s" : "bytes_per_s");
}

std::string text_of(const ComparedFigure& figure, std::optional<double> value) {
    if (!value) {
        return "-";
    }
    if (figure.of_time) {
        return echod::humanize_duration(Duration(static_cast<std::int64_t>(*value)));
    }
    if (figure.name == "error-rate") {
        return format_share(*value);
    }
    return figure.name == "bytes"
               ? byte_rate(*value)
               : fmt::format("{}/s",
                             group_digits(static_cast<std::uint64_t>(std::llround(*value))));
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

void write_figure(Out out, const std::string& name, const Json& a, const Json& b) {
    const auto figure = ComparedFigure::parse(name);
    const auto before = value_of(a, *figure);
    const auto after = value_of(b, *figure);
    if (before || after) {
        write_row(out, name, text_of(*figure, before), text_of(*figure, after),
                  change_text(change(before, after)));
    }
}

void write_latencies(Out out, const Json& a, const Json& b) {
    for (const std::string name : {"response", "service", "connect", "lag"}) {
        const std::string prefix = name + ".";
        write_figure(out, prefix + "min", a, b);
        write_figure(out, prefix + "mean", a, b);
        for (const NamedPercentile& percentile : kPercentiles) {
            write_figure(out, prefix + percentile.name, a, b);
        }
        write_figure(out, prefix + "max", a, b);
    }
}

// Figures of different loads do not compare: whatever differs is said. The places that a target is
// reached at and what a seed makes of it are no part of the load.
void write_asked(Out out, const Json& a, const Json& b) {
    for (const auto& item : a["asked"].items()) {
        const auto other = b["asked"].find(item.key());
        if (item.key() != "targets" && other != b["asked"].end() && *other != item.value()) {
            fmt::format_to(out, "asked otherwise: {} {}, {}\n", item.key(), item.value().dump(),
                           other->dump());
        }
    }
}

// Whether it holds; then `text` says so.
bool judge(const FailIf& condition, const Json& a, const Json& b, std::string& text) {
    const auto before = value_of(a, condition.figure);
    const auto after = value_of(b, condition.figure);
    const auto percent = change(before, after);
    const bool holds =
        !percent || (condition.above ? *percent > condition.percent : *percent < condition.percent);
    fmt::format_to(Out(text), "fail-if {}: {}, {} to {}: {}\n", condition.text,
                   change_text(percent), text_of(condition.figure, before),
                   text_of(condition.figure, after),
                   !percent ? "failed, there is no figure" : (holds ? "failed" : "passed"));
    return holds;
}

} // namespace

std::optional<ComparedFigure> ComparedFigure::parse(std::string_view text) {
    ComparedFigure figure;
    figure.name = text;
    if (text == "rate" || text == "bytes" || text == "error-rate") {
        return figure;
    }
    for (const std::string_view latency : {"service", "response", "connect", "lag"}) {
        if (text.starts_with(latency) && text.substr(latency.size()).starts_with('.')) {
            figure.latency = latency;
            text.remove_prefix(latency.size() + 1);
            break;
        }
    }
    figure.of_time = LatencyFigure::parse(text);
    return figure.of_time ? std::optional(figure) : std::nullopt;
}

FailIf FailIf::parse(std::string_view text) {
    const std::size_t sign = text.find_first_of("<>");
    if (sign != std::string_view::npos && text.ends_with('%')) {
        const auto figure = ComparedFigure::parse(text.substr(0, sign));
        std::string_view number = text.substr(sign + 1, text.size() - sign - 2);
        const bool negative = number.starts_with('-');
        if (negative || number.starts_with('+')) {
            number.remove_prefix(1);
        }
        double percent = 0;
        const auto [end, error] =
            std::from_chars(number.data(), number.data() + number.size(), percent);
        if (figure && error == std::errc() && end == number.data() + number.size() &&
            number.find_first_not_of("0123456789.") == std::string_view::npos) {
            return {std::string(text), *figure, text[sign] == '>', negative ? -percent : percent};
        }
    }
    throw std::invalid_argument(fmt::format(
        "must be FIGURE>+N% or FIGURE<-N%, with rate, bytes, error-rate, pN, min, mean or max, is "
        "'{}'",
        text));
}

Compared compare_results(const CompareOptions& options) try {
    const Json a = read_result(options.before);
    const Json b = read_result(options.after);
    Compared compared;
    const Out out(compared.text);
    fmt::format_to(out, "A {}\nB {}\n", options.before, options.after);
    write_asked(out, a, b);
    write_row(out, "", "A", "B", "difference");
    for (const char* name : {"rate", "bytes"}) {
        write_figure(out, name, a, b);
    }
    write_latencies(out, a, b);
    write_figure(out, "error-rate", a, b);
    write_row(out, "verdict", a["verdict"]["outcome"].get<std::string>(),
              b["verdict"]["outcome"].get<std::string>(), "");
    for (const FailIf& condition : options.fail_if) {
        if (judge(condition, a, b, compared.text)) {
            compared.exit_code = kGateFailed;
        }
    }
    return compared;
} catch (const Json::exception& error) {
    // What read_result() does not look at, as a target that is no text.
    throw BadResult(fmt::format("cannot be used: {}", error.what()));
}

} // namespace echoload
