// SPDX-License-Identifier: MIT
#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "client/limit.hpp"
#include "client/report.hpp"
#include "client/report_abuse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace echoload {

namespace {

using echod::format_duration;
using echod::humanize_duration;
using Out = std::back_insert_iterator<std::string>;

constexpr const char* kLabel = "{:<12}";

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
    std::string text;
    for (const std::string& part : parts) {
        text += text.empty() ? part : std::string(between) + part;
    }
    return text;
}

std::string or_dash(std::optional<Duration> duration) {
    return duration ? humanize_duration(*duration) : "-";
}

std::string error_text(const ErrorCount& row) {
    return row.error == kEndOfFile ? "EOF (closed by the server)"
                                   : echod::describe_errno(row.error);
}

std::string loop_text(const Options& options) {
    const std::string connections = fmt::format(
        "{} connection{}", group_digits(options.connections), options.connections == 1 ? "" : "s");
    if (!options.pace) {
        return fmt::format("closed loop, {} with {} in flight", connections, options.pipeline);
    }
    std::string rate = fmt::format("{:.0f}", options.pace->first);
    if (options.pace->is_ramp()) {
        rate += fmt::format(" to {:.0f}", options.pace->last);
    }
    return fmt::format("open loop, {} {}messages/s on {} with at most {} in flight", rate,
                       options.arrival == Arrival::poisson ? "Poisson " : "", connections,
                       options.pipeline);
}

void write_asked_connections(Out out, const Options& options) {
    if (options.connect_rate) {
        fmt::format_to(out, ", {:.0f} connections a second", *options.connect_rate);
    }
    if (options.source) {
        fmt::format_to(out, ", from {}", options.source->text());
    }
    if (options.conn_messages) {
        fmt::format_to(out, ", {} messages a connection", group_digits(*options.conn_messages));
    }
    if (options.close != Close::fin) {
        fmt::format_to(out, ", close {}", to_string(options.close));
    }
}

void write_asked(Out out, const Options& options) {
    fmt::format_to(out, "echoload {}: {} to {}\n", ECHOD_VERSION, loop_text(options),
                   joined(options.targets, ", "));
    fmt::format_to(out, kLabel, "asked");
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
    if (options.threads != 1) {
        fmt::format_to(out, ", {} threads", options.threads);
    }
    if (options.think != Duration::zero()) {
        fmt::format_to(out, ", think {}", format_duration(options.think));
    }
    if (options.pace) {
        fmt::format_to(out, ", at most {} due and unanswered", group_digits(options.max_in_flight));
    }
    write_asked_connections(out, options);
    if (options.verify != VerifyLevel::full) {
        fmt::format_to(out, ", verify {}", to_string(options.verify));
    }
    if (options.count_mismatches) {
        fmt::format_to(out, ", wrong echoes counted");
    }
    if (options.split != Split::none) {
        fmt::format_to(out, ", split {}", to_string(options.split));
    }
    if (options.coalesce != 1) {
        fmt::format_to(out, ", {} messages to a send call", options.coalesce);
    }
    if (options.abuse.total() != 0) {
        fmt::format_to(out, ", abuse {}", options.abuse.connections_text());
    }
    if (const std::string expected = options.abuse.expected_text(); !expected.empty()) {
        fmt::format_to(out, ", expect {}", expected);
    }
    fmt::format_to(out, ", seed {}\n", options.seed);
}

void write_connections(Out out, const Options& options, const RunResult& result) {
    const ConnectionCounts& counts = result.tally.connections;
    fmt::format_to(out, kLabel, "connections");
    fmt::format_to(out, "asked {}, up {}, peak {}, failed {}, ended early {}",
                   group_digits(options.connections), group_digits(counts.up),
                   group_digits(result.peak), group_digits(counts.failed),
                   group_digits(counts.closed_early));
    if (counts.replaced != 0) {
        fmt::format_to(out, ", replaced {}", group_digits(counts.replaced));
    }
    if (counts.replaced != 0 && result.window) {
        fmt::format_to(out, " ({:.0f} up a second)",
                       static_cast<double>(counts.measured_up) / echod::to_seconds(*result.window));
    }
    if (counts.drained != 0) {
        fmt::format_to(out, ", drained {}", group_digits(counts.drained));
    }
    if (result.not_tried != 0) {
        fmt::format_to(out, ", not tried {}", group_digits(result.not_tried));
    }
    fmt::format_to(out, "; ramp-up {}\n", or_dash(result.ramp_up));
}

void write_messages(Out out, const RunResult& result) {
    const MessageCounts& counts = result.tally.messages;
    fmt::format_to(out, kLabel, "messages");
    fmt::format_to(out, "sent {}, verified {}, wrong {}, timed out {}, lost {}",
                   group_digits(counts.sent), group_digits(counts.verified),
                   group_digits(counts.wrong), group_digits(counts.timed_out),
                   group_digits(counts.lost));
    if (counts.in_flight != 0) {
        fmt::format_to(out, ", in flight at the end {}", group_digits(counts.in_flight));
    }
    *out++ = '\n';
}

void write_rate(Out out, const RunResult& result) {
    fmt::format_to(out, kLabel, "measured");
    if (!result.window) {
        fmt::format_to(out, "nothing\n");
        return;
    }
    const double window = echod::to_seconds(*result.window);
    fmt::format_to(out, "{} messages/s, {} each way, over {}\n",
                   group_digits(static_cast<std::uint64_t>(std::llround(
                       static_cast<double>(result.tally.messages.in_window) / window))),
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
                   result.rate->achieved, result.rate->asked, 100 * result.rate->ratio(),
                   group_digits(counts.measured_shed), group_digits(counts.unsent),
                   or_dash(result.tally.lag.percentile(99)));
}

// Fewer than this many have no ten-thousandth part.
constexpr std::uint64_t kEnoughForTenThousandth = 10'000;

void write_latency(Out out, const NamedLatency& latency, std::uint64_t left_out) {
    const Histogram& histogram = *latency.histogram;
    fmt::format_to(out, kLabel, latency.label);
    if (histogram.count() == 0) {
        fmt::format_to(out, "nothing measured\n");
        return;
    }
    for (const NamedPercentile& percentile : kPercentiles) {
        if (percentile.percent <= 99.9 || histogram.count() >= kEnoughForTenThousandth) {
            fmt::format_to(out, "{} {}  ", percentile.name,
                           or_dash(histogram.percentile(percentile.percent)));
        }
    }
    fmt::format_to(out, "max {}\n", or_dash(histogram.max()));
    fmt::format_to(out, kLabel, "");
    fmt::format_to(out, "{}, of {}; min {}, mean {}", latency.what, group_digits(histogram.count()),
                   or_dash(histogram.min()), or_dash(histogram.mean()));
    if (left_out != 0) {
        fmt::format_to(out, "; without {} that were shed or went with their connection",
                       group_digits(left_out));
    }
    *out++ = '\n';
}

void write_errors(Out out, const ErrorTable& errors) {
    const char* label = "errors";
    if (errors.rows().empty()) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "none\n");
    }
    for (const ErrorCount& row : errors.rows()) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{:<8} {:>9}  {}\n", to_string(row.phase), group_digits(row.count),
                       error_text(row));
        label = "";
    }
}

void write_mismatches(std::string& text, const RunResult& result) {
    if (result.tally.mismatches != 0) {
        std::vector<std::string> kinds;
        for (std::size_t kind = 0; kind < kMismatchKinds; ++kind) {
            if (const std::uint64_t count = result.tally.wrong_by_kind[kind]; count != 0) {
                kinds.push_back(fmt::format("{} {}", to_string(static_cast<MismatchKind>(kind)),
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

void write_use(Out out, const char* label, const ProcessUse& use) {
    fmt::format_to(out, kLabel, label);
    fmt::format_to(out, "{:.0f} % of a processor, busiest thread {:.0f} %; {} resident",
                   use.cpu * 100, use.busiest_thread * 100, byte_size(use.resident));
    if (use.descriptors) {
        fmt::format_to(out, ", {} descriptors", group_digits(*use.descriptors));
    }
    *out++ = '\n';
}

// How the busiest loop did, which is the one that matters.
void write_loops(Out out, const std::vector<LoopUse>& loops) {
    if (loops.empty()) {
        return;
    }
    const LoopUse& busiest =
        *std::max_element(loops.begin(), loops.end(), [](const LoopUse& a, const LoopUse& b) {
            return a.work_share() < b.work_share();
        });
    Duration longest{};
    for (const LoopUse& loop : loops) {
        longest = std::max(longest, loop.longest_turn);
    }
    const double wall = std::max(echod::to_seconds(busiest.wall), 1e-9);
    fmt::format_to(out, kLabel, "loops");
    fmt::format_to(out, "{}; the busiest {:.0f} % of a processor (user {:.0f}, system {:.0f}",
                   loops.size(), busiest.share() * 100,
                   echod::to_seconds(busiest.user) / wall * 100,
                   echod::to_seconds(busiest.system) / wall * 100);
    if (busiest.polled != Duration::zero()) {
        fmt::format_to(out, ", working {:.0f}", busiest.work_share() * 100);
    }
    fmt::format_to(out, "), turn mean {}, longest {}\n", or_dash(busiest.mean_turn()),
                   humanize_duration(longest));
}

void write_limit(Out out, const RunResult& result) {
    if (!result.client) {
        return;
    }
    write_use(out, "client", *result.client);
    write_loops(out, result.loops);
    if (result.server) {
        write_use(out, "server", *result.server);
    }
    const Limit limit = find_limit(result);
    fmt::format_to(out, "limited by  {}: {}\n", to_string(limit.by), limit.reason);
}

void write_gates(Out out, const Verdict& verdict) {
    const char* label = "gates";
    for (const GateResult& gate : verdict.gates) {
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{} {}, allowed {}: {}\n", gate.name, gate.measured_text(),
                       gate.allowed_text(), gate.passed ? "passed" : "failed");
        label = "";
    }
}

void write_verdict(Out out, const Options& options, const Verdict& verdict) {
    fmt::format_to(out, kLabel, "verdict");
    if (verdict.outcome == Outcome::ok) {
        fmt::format_to(out, "ok: {}\n", what_was_right(options.verify));
    } else {
        fmt::format_to(out, "{} (exit {}): {}\n", to_string(verdict.outcome), verdict.exit_code,
                       joined(verdict.reasons, "; "));
    }
}

// All but the verdict.
std::string result_text(const Options& options, const RunResult& result, const Verdict& verdict) {
    std::string text;
    const Out out(text);
    write_asked(out, options);
    write_connections(out, options, result);
    write_messages(out, result);
    write_rate(out, result);
    write_pace(out, result);
    for (const NamedLatency& latency : latencies(result.tally, options.pace.has_value())) {
        if (latency.label != nullptr) {
            const MessageCounts& counts = result.tally.messages;
            const bool of_due = latency.histogram == &result.tally.response;
            write_latency(out, latency, of_due ? counts.measured_shed + counts.measured_gone : 0);
        }
    }
    write_errors(out, result.tally.errors);
    if (result.abuse) {
        text += abuse_table(options.abuse, *result.abuse);
    }
    write_mismatches(text, result);
    write_limit(out, result);
    write_gates(out, verdict);
    return text;
}

} // namespace

std::string group_digits(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) {
            text += ',';
        }
        text += digits[i];
    }
    return text;
}

namespace {

// Three significant figures, in units of a thousand bytes.
std::string scaled_bytes(double bytes) {
    static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < std::size(kUnits)) {
        bytes /= 1000;
        ++unit;
    }
    const int decimals = bytes < 9.995 ? 2 : (bytes < 99.95 ? 1 : 0);
    return fmt::format("{:.{}f} {}", bytes, decimals, kUnits[unit]);
}

} // namespace

std::string byte_size(std::uint64_t bytes) {
    return scaled_bytes(static_cast<double>(bytes));
}

std::string byte_rate(double bytes_per_second) {
    return scaled_bytes(bytes_per_second) + "/s";
}

std::string text_report(const Options& options, const RunResult& result, const Verdict& verdict) {
    std::string text = result_text(options, result, verdict);
    write_verdict(Out(text), options, verdict);
    return text;
}

std::string text_snapshot(const Options& options, const RunResult& so_far) {
    Verdict verdict;
    verdict.gates = judge_gates(options.gates, so_far.tally, options.pace.has_value());
    std::string text = result_text(options, so_far, verdict);
    const Out out(text);
    fmt::format_to(out, kLabel, "so far");
    fmt::format_to(out, "{} of the run; it goes on\n", humanize_duration(so_far.elapsed));
    return text;
}

std::string text_troubles(const Options& options, const RunResult& result, const Verdict& verdict) {
    std::string text;
    if (verdict.outcome != Outcome::ok) {
        const Out out(text);
        write_errors(out, result.tally.errors);
        write_mismatches(text, result);
        write_verdict(out, options, verdict);
    }
    return text;
}

std::string live_line(const LiveInterval& interval) {
    const double length = std::max(echod::to_seconds(interval.length), 1e-9);
    const Tally& tally = interval.tally;
    std::string text;
    const Out out(text);
    fmt::format_to(out, "{:>8.1f}s  {} up  {} messages/s  {}", echod::to_seconds(interval.at),
                   group_digits(interval.open),
                   group_digits(static_cast<std::uint64_t>(
                       std::llround(static_cast<double>(tally.messages.verified) / length))),
                   byte_rate(static_cast<double>(tally.bytes.received) / length));
    if (const Histogram& latency = *latencies(tally, interval.open_loop).front().histogram;
        latency.count() != 0) {
        fmt::format_to(out, "  p50 {}  p99 {}  max {}", or_dash(latency.percentile(50)),
                       or_dash(latency.percentile(99)), or_dash(latency.max()));
    }
    if (const std::uint64_t errors = tally.errors.total(); errors != 0) {
        fmt::format_to(out, "  errors {}", group_digits(errors));
    }
    *Out(text)++ = '\n';
    return text;
}

} // namespace echoload
