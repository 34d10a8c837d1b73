// SPDX-License-Identifier: MIT
#include "client/report/text.hpp"

#include "base/sys_error.hpp"
#include "client/report/abuse.hpp"
#include "client/report/figures.hpp"
#include "client/report/outages.hpp"
#include "client/report/replay.hpp"
#include "client/report/stages.hpp"
#include "client/report/text_lines.hpp"
#include "client/report/text_parts.hpp"
#include "client/report/text_request.hpp"
#include "client/report/text_usage.hpp"
#include "client/report/text_uses.hpp"
#include "client/result/run_result.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

// The counters that the text shows, as "sent 1,000, verified 1,000". `note` gives what follows a
// counter.
template <class Counts, std::size_t N, class Note>
std::string counts_text(const NamedCount<Counts> (&names)[N], const Counts& counts, Note note) {
    std::vector<std::string> parts;
    for (const NamedCount<Counts>& name : names) {
        const std::uint64_t count = counts.*name.count;
        if (name.shown == Shown::always || (name.shown == Shown::if_not_zero && count != 0)) {
            parts.push_back(fmt::format("{} {}{}", name.label, group_digits(count), note(name)));
        }
    }
    return joined(parts, ", ");
}

void write_connections(Out out, const ConnectionFigures& figures, std::optional<double> ramp_up_s) {
    fmt::format_to(out, kLabel, "connections");
    const auto note = [&figures](const NamedCount<ConnectionFigures>& name) {
        return name.count == &ConnectionFigures::replaced && figures.up_per_s
                   ? fmt::format(" ({:.0f} up a second)", *figures.up_per_s)
                   : "";
    };
    fmt::format_to(out, "{}; ramp-up {}\n", counts_text(kConnectionCounts, figures, note),
                   seconds_or_dash(ramp_up_s));
}

void write_messages(Out out, const MessageCounts& counts) {
    fmt::format_to(out, kLabel, "messages");
    fmt::format_to(out, "{}\n",
                   counts_text(kMessageCounts, counts, [](const auto&) { return ""; }));
}

void write_rate(Out out, const StoredRate& rate, std::optional<double> window_s) {
    fmt::format_to(out, kLabel, "measured");
    if (!rate.messages_per_s || !rate.bytes_per_s || !window_s) {
        fmt::format_to(out, "nothing\n");
        return;
    }
    fmt::format_to(out, "{} messages/s, {} each way, over {}\n", whole_rate(*rate.messages_per_s),
                   byte_rate(*rate.bytes_per_s), seconds_or_dash(window_s));
}

void write_pace(Out out, const StoredResult& result) {
    if (!result.pace || !result.pace->requested_per_s || !result.pace->achieved_per_s) {
        return;
    }
    const AchievedRate rate{*result.pace->requested_per_s, *result.pace->achieved_per_s};
    const MessageCounts counts = result.messages.value_or(MessageCounts());
    const StoredLatency* const lag = result.find_latency("lag");
    fmt::format_to(out, kLabel, "pace");
    fmt::format_to(out, "{:.1f} messages/s of {:.1f} ({:.2f} %), shed {}, unsent {}; late p99 {}\n",
                   rate.achieved, rate.requested, 100 * rate.ratio(),
                   group_digits(counts.measured_shed), group_digits(counts.unsent),
                   duration_or_dash(lag == nullptr ? std::nullopt : lag->histogram.percentile(99)));
}

// With fewer values there is no ten-thousandth part of them.
constexpr std::uint64_t kEnoughForTenThousandth = 10'000;

// Those of --percentiles, or the usual ones that the values suffice for.
std::vector<double> shown_percentiles(const std::vector<double>& chosen, std::uint64_t values) {
    if (!chosen.empty()) {
        return chosen;
    }
    std::vector<double> percentiles(std::begin(kPercentiles), std::end(kPercentiles));
    if (values < kEnoughForTenThousandth) {
        percentiles.pop_back();
    }
    return percentiles;
}

// What a line about a latency has beside its histogram.
struct LatencyLine {
    const char* label;
    std::string what; ///< "closed loop": how it was measured
    std::uint64_t left_out = 0;
};

void write_latency(Out out, const LatencyLine& line, const Histogram& histogram,
                   const std::vector<double>& percentiles) {
    fmt::format_to(out, kLabel, line.label);
    if (histogram.count() == 0) {
        fmt::format_to(out, "nothing measured\n");
        return;
    }
    for (const double percent : shown_percentiles(percentiles, histogram.count())) {
        fmt::format_to(out, "{} {}  ", percentile_name(percent),
                       duration_or_dash(histogram.percentile(percent)));
    }
    fmt::format_to(out, "max {}\n", duration_or_dash(histogram.max()));
    fmt::format_to(out, kLabel, "");
    fmt::format_to(out, "{}, of {}; min {}, mean {}", line.what, group_digits(histogram.count()),
                   duration_or_dash(histogram.min()), duration_or_dash(histogram.mean()));
    if (line.left_out != 0) {
        fmt::format_to(out, "; without {} that were never sent or lost with their connection",
                       group_digits(line.left_out));
    }
    *out++ = '\n';
}

void write_latencies(Out out, const StoredResult& result) {
    const MessageCounts counts = result.messages.value_or(MessageCounts());
    const StoredLatency* const response = result.find_latency("response");
    if (response != nullptr) {
        write_latency(
            out, {"response", "open loop, since due", counts.measured_shed + counts.measured_gone},
            response->histogram, result.percentiles);
    }
    if (const StoredLatency* const latency = result.find_latency("latency")) {
        write_latency(out,
                      response == nullptr ? LatencyLine{"latency", latency->loop + " loop"}
                                          : LatencyLine{"service", "open loop, since sent"},
                      latency->histogram, result.percentiles);
    }
    const StoredLatency* const connect = result.find_latency("connect_latency");
    if (connect != nullptr && result.connections && result.connections->replaced != 0) {
        write_latency(out, {"connect", "until established"}, connect->histogram,
                      result.percentiles);
    }
}

void write_errors(Out out, const std::vector<StoredError>& errors) {
    const char* label = "errors";
    if (errors.empty()) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "none\n");
    }
    for (const StoredError& row : errors) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{:<8} {:>9}  {}\n", row.phase, group_digits(row.count),
                       error_text(row.error));
        label = "";
    }
}

void write_mismatches(std::string& text, const StoredResult& result) {
    const StoredMismatches wrong = result.wrong.value_or(StoredMismatches());
    const std::vector<Mismatch> described = result.mismatches.value_or(std::vector<Mismatch>());
    if (wrong.total != 0) {
        std::vector<std::string> kinds;
        for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
            if (const std::uint64_t count = wrong.by_kind[kind]; count != 0) {
                kinds.push_back(fmt::format("{} {}", echod::kEnumNames<MismatchKind>[kind],
                                            group_digits(count)));
            }
        }
        const Out out(text);
        fmt::format_to(out, kLabel, "wrong");
        fmt::format_to(out, "{}", joined(kinds, ", "));
        if (described.size() < wrong.total) {
            fmt::format_to(out, "; the first {} are shown", described.size());
        }
        text += '\n';
    }
    for (const Mismatch& mismatch : described) {
        text += describe(mismatch) + replay_line(result, mismatch);
    }
}

void write_gates(Out out, const std::vector<GateResult>& gates) {
    const char* label = "gates";
    for (const GateResult& gate : gates) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{} {}, allowed {}: {}\n", gate.condition.figure.name,
                       gate.measured_text(), gate.allowed_text(), gate.outcome());
        label = "";
    }
}

void write_verdict(Out out, const StoredResult& result) {
    const StoredVerdict& verdict = result.verdict;
    fmt::format_to(out, kLabel, "verdict");
    if (verdict.outcome == echod::enum_name(Outcome::ok)) {
        fmt::format_to(out, "ok: {}\n", what_was_right(result.requested));
    } else {
        fmt::format_to(out, "{} (exit {}): {}\n", verdict.outcome, verdict.exit_code,
                       joined(verdict.reasons, "; "));
    }
}

// All but the verdict. A run that never began has only what was requested.
std::string result_text(const StoredResult& result) {
    std::string text = request_text(result);
    const Out out(text);
    text += start_text(result);
    text += parts_text(result);
    if (result.connections) {
        write_connections(out, *result.connections, result.ramp_up_s);
    }
    if (result.messages) {
        write_messages(out, *result.messages);
    }
    if (result.rate) {
        write_rate(out, *result.rate, result.window_s);
    }
    text += steadiness_text(result.steadiness);
    write_pace(out, result);
    write_latencies(out, result);
    text += stages_text(result.stages.value_or(std::vector<StoredStage>()));
    text += fairness_text(result.fairness);
    if (result.errors) {
        write_errors(out, *result.errors);
    }
    text += outages_text(result);
    text += targets_text(result.targets);
    text += addresses_text(result.addresses);
    if (result.abuse) {
        text += abuse_table(*result.abuse);
    }
    write_mismatches(text, result);
    text += usage_text(result);
    write_gates(out, result.gates.value_or(std::vector<GateResult>()));
    return text;
}

} // namespace

std::string text_report(const StoredResult& result) {
    std::string text = result_text(result);
    write_verdict(Out(text), result);
    return text;
}

std::string text_snapshot(const StoredResult& so_far) {
    std::string text = result_text(so_far);
    fmt::format_to(Out(text), kLabel, "so far");
    fmt::format_to(Out(text), "{} of the run, which continues\n",
                   seconds_or_dash(so_far.elapsed_s));
    return text;
}

std::string text_failures(const StoredResult& result) {
    std::string text;
    if (result.verdict.outcome != echod::enum_name(Outcome::ok)) {
        const Out out(text);
        write_errors(out, result.errors.value_or(std::vector<StoredError>()));
        text += outages_text(result);
        text += targets_text(result.targets);
        text += addresses_text(result.addresses);
        write_mismatches(text, result);
        write_verdict(out, result);
    }
    return text;
}

} // namespace echoload
