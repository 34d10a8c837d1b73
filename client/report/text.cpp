// SPDX-License-Identifier: MIT
#include "client/report/text.hpp"

#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "client/report/abuse.hpp"
#include "client/report/figures.hpp"
#include "client/report/json.hpp"
#include "client/report/text_lines.hpp"
#include "client/report/text_request.hpp"
#include "client/report/text_usage.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

using echod::humanize_duration;

std::string error_text(const ErrorCount& row) {
    return row.error == kEndOfFile ? "EOF (closed by the server)"
                                   : echod::describe_errno(row.error);
}

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

void write_connections(Out out, std::uint64_t requested, const RunResult& result) {
    const ConnectionFigures figures = connection_figures(requested, result);
    fmt::format_to(out, kLabel, "connections");
    const auto note = [&figures](const NamedCount<ConnectionFigures>& name) {
        return name.count == &ConnectionFigures::replaced && figures.up_per_s
                   ? fmt::format(" ({:.0f} up a second)", *figures.up_per_s)
                   : "";
    };
    fmt::format_to(out, "{}; ramp-up {}\n", counts_text(kConnectionCounts, figures, note),
                   duration_or_dash(result.ramp_up));
}

void write_messages(Out out, const MessageCounts& counts) {
    fmt::format_to(out, kLabel, "messages");
    fmt::format_to(out, "{}\n",
                   counts_text(kMessageCounts, counts, [](const auto&) { return ""; }));
}

void write_rate(Out out, const RunResult& result) {
    fmt::format_to(out, kLabel, "measured");
    if (!result.window) {
        fmt::format_to(out, "nothing\n");
        return;
    }
    const double window = echod::to_seconds(*result.window);
    fmt::format_to(out, "{} messages/s, {} each way, over {}\n",
                   whole_rate(static_cast<double>(result.tally.messages.in_window) / window),
                   byte_rate(static_cast<double>(result.tally.bytes.in_window) / window),
                   humanize_duration(*result.window));
}

void write_pace(Out out, const RunResult& result) {
    if (!result.rate) {
        return;
    }
    const MessageCounts& counts = result.tally.messages;
    fmt::format_to(out, kLabel, "pace");
    fmt::format_to(out, "{:.1f} messages/s of {:.1f} ({:.2f} %), shed {}, unsent {}; late p99 {}\n",
                   result.rate->achieved, result.rate->requested, 100 * result.rate->ratio(),
                   group_digits(counts.measured_shed), group_digits(counts.unsent),
                   duration_or_dash(result.tally.lag.percentile(99)));
}

// With fewer values there is no ten-thousandth part of them.
constexpr std::uint64_t kEnoughForTenThousandth = 10'000;

// Those of --percentiles, or the usual ones that the values suffice for.
std::vector<double> shown_percentiles(const Options& options, std::uint64_t values) {
    if (!options.percentiles.empty()) {
        return options.percentiles;
    }
    std::vector<double> percentiles(std::begin(kPercentiles), std::end(kPercentiles));
    if (values < kEnoughForTenThousandth) {
        percentiles.pop_back();
    }
    return percentiles;
}

void write_latency(Out out, const Options& options, const NamedLatency& latency,
                   std::uint64_t left_out) {
    const Histogram& histogram = *latency.histogram;
    fmt::format_to(out, kLabel, latency.label);
    if (histogram.count() == 0) {
        fmt::format_to(out, "nothing measured\n");
        return;
    }
    for (const double percent : shown_percentiles(options, histogram.count())) {
        fmt::format_to(out, "{} {}  ", percentile_name(percent),
                       duration_or_dash(histogram.percentile(percent)));
    }
    fmt::format_to(out, "max {}\n", duration_or_dash(histogram.max()));
    fmt::format_to(out, kLabel, "");
    fmt::format_to(out, "{}, of {}; min {}, mean {}", latency.what, group_digits(histogram.count()),
                   duration_or_dash(histogram.min()), duration_or_dash(histogram.mean()));
    if (left_out != 0) {
        fmt::format_to(out, "; without {} that were never sent or lost with their connection",
                       group_digits(left_out));
    }
    *out++ = '\n';
}

void write_latencies(Out out, const Options& options, const Tally& tally) {
    for (const NamedLatency& latency : latencies(tally, options.pace.has_value())) {
        if (latency.label != nullptr) {
            const bool of_due = latency.histogram == &tally.response;
            write_latency(out, options, latency,
                          of_due ? tally.messages.measured_shed + tally.messages.measured_gone : 0);
        }
    }
}

void write_errors(Out out, const ErrorTable& errors) {
    const char* label = "errors";
    if (errors.rows().empty()) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "none\n");
    }
    for (const ErrorCount& row : errors.rows()) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{:<8} {:>9}  {}\n", echod::enum_name(row.phase),
                       group_digits(row.count), error_text(row));
        label = "";
    }
}

// Where a name has several addresses, or an attempt failed: of each address, what became of it.
void write_addresses(Out out, const std::vector<AddressUse>& uses) {
    const bool shown = std::any_of(uses.begin(), uses.end(), [&uses](const AddressUse& use) {
        return use.errors.total() != 0 ||
               std::any_of(uses.begin(), uses.end(), [&use](const AddressUse& other) {
                   return other.target == use.target && other.address != use.address;
               });
    });
    const char* label = "addresses";
    for (const AddressUse& use : uses) {
        if (!shown) {
            return;
        }
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{}  up {}, echoed {}", use.address, group_digits(use.up),
                       group_digits(use.echoed));
        if (use.overtaken != 0) {
            fmt::format_to(out, ", without an answer {}", group_digits(use.overtaken));
        }
        for (const ErrorCount& row : use.errors.rows()) {
            fmt::format_to(out, ", failed {} ({})", group_digits(row.count),
                           echod::errno_name(row.error));
        }
        *out++ = '\n';
        label = "";
    }
}

// Where there are several: of each target, what became of its connections and messages.
void write_targets(Out out, const Options& options, const std::vector<AddressUse>& addresses) {
    const std::vector<TargetUse> targets = sum_by_target(addresses);
    const char* label = "targets";
    for (const TargetUse& use : targets) {
        if (targets.size() < 2) {
            return;
        }
        const ConnectionCounts& connections = use.tally.connections;
        const Histogram& latency =
            *latencies(use.tally, options.pace.has_value()).front().histogram;
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{}  up {}, failed {}, ended early {}; ", use.target,
                       group_digits(connections.up), group_digits(connections.failed),
                       group_digits(connections.closed_early));
        fmt::format_to(
            out, "{}; p50 {}, p99 {}, max {}\n",
            counts_text(kMessageCounts, use.tally.messages, [](const auto&) { return ""; }),
            duration_or_dash(latency.percentile(50)), duration_or_dash(latency.percentile(99)),
            duration_or_dash(latency.max()));
        for (const ErrorCount& row : use.tally.errors.rows()) {
            fmt::format_to(out, kLabel, "");
            fmt::format_to(out, "  {} {}  {}\n", echod::enum_name(row.phase),
                           group_digits(row.count), error_text(row));
        }
        label = "";
    }
}

void write_fairness(Out out, const std::optional<Fairness>& fairness) {
    if (!fairness) {
        return;
    }
    fmt::format_to(out, kLabel, "fairness");
    fmt::format_to(out, "mean of the slowest tenth of the connections {}, of the fastest {}",
                   duration_or_dash(fairness->slowest_decile),
                   duration_or_dash(fairness->fastest_decile));
    if (fairness->without_values != 0) {
        fmt::format_to(out, "; without any echo {}", group_digits(fairness->without_values));
    }
    *out++ = '\n';
    std::vector<std::string> worst;
    for (const ConnectionUse& each : fairness->worst) {
        const std::string port = each.port == 0 ? "" : fmt::format(" (port {})", each.port);
        worst.push_back(
            fmt::format("{}{} {}", each.connection, port, duration_or_dash(each.mean())));
    }
    fmt::format_to(out, kLabel, "");
    fmt::format_to(out, "slowest: {}\n", joined(worst, ", "));
}

void write_steadiness(Out out, const std::optional<Steadiness>& steadiness) {
    if (steadiness && !steadiness->steady) {
        fmt::format_to(out, kLabel, "not steady");
        fmt::format_to(out, "{}/s in the first third, {}/s in the last ({:+.0f} %)\n",
                       whole_rate(steadiness->first_third_per_s),
                       whole_rate(steadiness->last_third_per_s), 100 * steadiness->change());
    }
}

void write_mismatches(std::string& text, const RunResult& result) {
    if (result.tally.mismatches != 0) {
        std::vector<std::string> kinds;
        for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
            if (const std::uint64_t count = result.tally.wrong_by_kind[kind]; count != 0) {
                kinds.push_back(fmt::format("{} {}", echod::kEnumNames<MismatchKind>[kind],
                                            group_digits(count)));
            }
        }
        const Out out(text);
        fmt::format_to(out, kLabel, "wrong");
        fmt::format_to(out, "{}", joined(kinds, ", "));
        if (result.mismatches.size() < result.tally.mismatches) {
            fmt::format_to(out, "; the first {} are shown", result.mismatches.size());
        }
        text += '\n';
    }
    for (const Mismatch& mismatch : result.mismatches) {
        text += describe(mismatch);
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

void write_verdict(Out out, VerifyLevel verify, const Verdict& verdict) {
    fmt::format_to(out, kLabel, "verdict");
    if (verdict.outcome == Outcome::ok) {
        fmt::format_to(out, "ok: {}\n", what_was_right(verify));
    } else {
        fmt::format_to(out, "{} (exit {}): {}\n", echod::enum_name(verdict.outcome),
                       verdict.exit_code, joined(verdict.reasons, "; "));
    }
}

// All but the verdict.
std::string result_text(const Options& options, const RunResult& result,
                        const std::vector<GateResult>& gates) {
    std::string text = request_text(options);
    const Out out(text);
    write_connections(out, options.connections, result);
    write_messages(out, result.tally.messages);
    write_rate(out, result);
    write_steadiness(out, result.steadiness);
    write_pace(out, result);
    write_latencies(out, options, result.tally);
    write_fairness(out, result.fairness);
    write_errors(out, result.tally.errors);
    write_targets(out, options, result.addresses);
    write_addresses(out, result.addresses);
    if (result.abuse) {
        text += abuse_table(options.abuse, *result.abuse);
    }
    write_mismatches(text, result);
    text += usage_text(result);
    write_gates(out, gates);
    return text;
}

} // namespace

std::string text_report(const Options& options, const RunResult& result, const Verdict& verdict) {
    std::string text = result_text(options, result, verdict.gates);
    write_verdict(Out(text), options.verify, verdict);
    return text;
}

std::string text_snapshot(const Options& options, const RunResult& so_far) {
    std::string text = result_text(
        options, so_far,
        judge_gates(options.gates, {so_far.tally, options.pace.has_value(), so_far.window}));
    const Out out(text);
    fmt::format_to(out, kLabel, "so far");
    fmt::format_to(out, "{} of the run, which continues\n", humanize_duration(so_far.elapsed));
    return text;
}

std::string text_failures(const Options& options, const RunResult& result, const Verdict& verdict) {
    std::string text;
    if (verdict.outcome != Outcome::ok) {
        const Out out(text);
        write_errors(out, result.tally.errors);
        write_targets(out, options, result.addresses);
        write_addresses(out, result.addresses);
        write_mismatches(text, result);
        write_verdict(out, options.verify, verdict);
    }
    return text;
}

} // namespace echoload
