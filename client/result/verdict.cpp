// SPDX-License-Identifier: MIT
#include "client/result/verdict.hpp"

#include "base/sys_error.hpp"
#include "base/units.hpp"
#include "client/result/stop_signals.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace echoload {

namespace {

// The part of the requested rate that counts as that rate.
constexpr double kAchievedRate = 0.99;

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

// Causes of failed connections that the errno alone does not show.
void explain_errors(const Options& options, const ErrorTable& errors,
                    std::vector<std::string>& reasons) {
    if (errors.count(Phase::connect, EADDRNOTAVAIL) != 0) {
        reasons.emplace_back(
            "no local port was free (EADDRNOTAVAIL): a local address has as "
            "many to a target as net.ipv4.ip_local_port_range allows, and one that "
            "is closed keeps its port for a minute unless it is reset (--close "
            "rst)");
    }
    if (options.source && errors.count(Phase::bind, EADDRNOTAVAIL) != 0) {
        reasons.push_back(fmt::format("--source {} is not an address of this machine, or not all "
                                      "of that network are (EADDRNOTAVAIL)",
                                      options.source->text()));
    }
}

// A run with a duration that ended before it: its connections were gone.
void find_early_end(const Options& options, const RunResult& result,
                    std::vector<std::string>& reasons) {
    const Duration lasted = result.window.value_or(Duration::zero());
    if (options.forever && (result.signal == 0 || !result.window)) {
        reasons.push_back(
            result.signal == 0
                ? fmt::format("no connection was left after {}", echod::humanize_duration(lasted))
                : "the run was stopped before its measured part began");
    }
    if (!options.duration || result.signal != 0) {
        return;
    }
    if (lasted < *options.duration) {
        reasons.push_back(fmt::format("no connection was left {} into the {} to measure",
                                      echod::humanize_duration(lasted),
                                      echod::format_duration(*options.duration)));
    }
}

// "2 of 50 connections failed".
std::string of_connections(std::uint64_t count, const Options& options, std::string_view what) {
    return fmt::format("{} of {} {}", count,
                       counted(options.connections, "connection", "connections"), what);
}

bool achieved_rate(const RunResult& result) {
    return !result.rate || result.rate->ratio() >= kAchievedRate;
}

// Lost connections are replaced, so that those count which were not until the end.
void find_not_restored(const Options& options, const Outages& outages,
                       std::vector<std::string>& reasons) {
    if (outages.not_restored != 0 && !options.messages && !limits_outages(options.gates)) {
        reasons.push_back(
            of_connections(outages.not_restored, options, "interrupted until the end"));
    }
}

// Connections and messages that failed, by their number.
void find_failures(const Options& options, const RunResult& result,
                   std::vector<std::string>& reasons) {
    const ConnectionCounts& connections = result.tally.connections;
    const MessageCounts& messages = result.tally.messages;
    if (result.outages) {
        find_not_restored(options, *result.outages, reasons);
    } else {
        if (connections.failed != 0) {
            reasons.push_back(of_connections(connections.failed, options, "failed"));
        }
        if (connections.closed_early != 0) {
            reasons.push_back(of_connections(connections.closed_early, options, "ended early"));
        }
    }
    const bool outages_allowed = limits_outages(options.gates);
    if (messages.timed_out != 0 && !outages_allowed) {
        reasons.push_back(fmt::format(
            "{} not answered within {}{}", counted(messages.timed_out, "message", "messages"),
            echod::format_duration(options.timeout),
            options.drain && !options.messages
                ? fmt::format(", or {} after the end", echod::format_duration(*options.drain))
                : ""));
    }
    const bool lost_allowed = result.outages && limits_lost(options.gates);
    if (messages.lost != 0 && !outages_allowed && !lost_allowed) {
        reasons.push_back(fmt::format("{} lost with their connections",
                                      counted(messages.lost, "message", "messages")));
    }
    if (messages.shed != 0 && achieved_rate(result)) {
        reasons.push_back(fmt::format("{} shed: more than --max-in-flight {} were unanswered",
                                      counted(messages.shed, "message", "messages"),
                                      options.max_in_flight));
    }
    if (messages.unsent != 0 && !outages_allowed) {
        reasons.push_back(
            fmt::format("{} due and never sent", counted(messages.unsent, "message", "messages")));
    }
}

// With a limit of the errors, failures are missing messages that were allowed for.
std::uint64_t allowed_for(const RunResult& result) {
    const MessageCounts& messages = result.tally.messages;
    return messages.timed_out + messages.lost + messages.shed + messages.unsent - result.unassigned;
}

// Adds to `reasons` a sentence for each part of the load that is missing.
void find_shortfall(const Options& options, const RunResult& result,
                    std::vector<std::string>& reasons) {
    const MessageCounts& messages = result.tally.messages;
    const bool judged_by_rate = limits_errors(options.gates);
    if (result.not_tried != 0) {
        reasons.push_back(of_connections(result.not_tried, options, "not tried to the end"));
    }
    if (!judged_by_rate) {
        find_failures(options, result, reasons);
    }
    find_early_end(options, result, reasons);
    if (result.window && messages.in_window == 0) {
        reasons.push_back(fmt::format("no echo came in the measured part of {}",
                                      echod::humanize_duration(*result.window)));
    }
    if (!achieved_rate(result)) {
        reasons.push_back(fmt::format("{:.0f} of {:.0f} messages a second were sent in time ({} "
                                      "shed)",
                                      result.rate->achieved, result.rate->requested,
                                      messages.measured_shed));
    }
    const bool judged_by_gates = judged_by_rate || limits_outages(options.gates) ||
                                 (result.outages && limits_lost(options.gates));
    const std::uint64_t allowed = judged_by_gates ? allowed_for(result) : 0;
    if (options.messages && messages.measured + allowed < *options.messages) {
        reasons.push_back(
            fmt::format("{} of {} messages verified", messages.measured, *options.messages));
    }
    explain_errors(options, result.tally.errors, reasons);
}

std::uint64_t wrong_on_misbehaving(const RunResult& result) {
    std::uint64_t wrong = 0;
    if (result.abuse) {
        for (const AbuseCounts& counts : *result.abuse) {
            wrong += counts.wrong;
        }
    }
    return wrong;
}

// "no connection could be made (127.0.0.1:8007 ECONNREFUSED)".
std::string no_connection(const RunResult& result) {
    std::string causes;
    for (const AddressUse& use : result.addresses) {
        for (const ErrorCount& row : use.errors.rows()) {
            causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ", use.address,
                                  echod::errno_name(row.error));
        }
    }
    return causes.empty() ? "no connection could be made"
                          : fmt::format("no connection could be made ({})", causes);
}

std::string describe(const Aborted& aborted) {
    return fmt::format("ended {} into the measured part by --abort-on {}: {} was {}",
                       echod::humanize_duration(aborted.after), aborted.condition.text,
                       aborted.condition.figure.name,
                       GateResult{aborted.condition, aborted.measured}.measured_text());
}

Verdict judge_run(const Options& options, const RunResult& result) {
    Verdict verdict;
    const std::uint64_t abused = wrong_on_misbehaving(result);
    if (result.tally.mismatches + abused != 0) {
        verdict.outcome = Outcome::wrong_echo;
        verdict.exit_code = 4;
        if (result.tally.mismatches != 0) {
            verdict.reasons.push_back(fmt::format(
                "{} wrong", counted(result.tally.mismatches, "echo was", "echoes were")));
        }
        if (abused != 0) {
            verdict.reasons.push_back(fmt::format("{} wrong on misbehaving connections",
                                                  counted(abused, "echo was", "echoes were")));
        }
        // Without --on-mismatch count the run stopped there, so that messages are missing.
        if (options.on_mismatch == OnMismatch::count) {
            find_shortfall(options, result, verdict.reasons);
        }
        return verdict;
    }
    if (result.signal != 0 && !options.forever) { // which is how the latter ends
        return interrupted(result.signal);
    }
    if (!result.failure.empty() || result.tally.connections.up == 0) {
        verdict.outcome = Outcome::not_possible;
        verdict.exit_code = 1;
        verdict.reasons.push_back(result.failure.empty() ? no_connection(result) : result.failure);
        explain_errors(options, result.tally.errors, verdict.reasons);
        return verdict;
    }
    if (result.aborted) { // what is missing is why, or follows from it
        verdict.outcome = Outcome::gate_failed;
        verdict.exit_code = 3;
        verdict.reasons.push_back(describe(*result.aborted));
        return verdict;
    }
    find_shortfall(options, result, verdict.reasons);
    if (!verdict.reasons.empty()) {
        verdict.outcome = Outcome::not_delivered;
        verdict.exit_code = 5;
    }
    return verdict;
}

std::string describe(const GateResult& gate) {
    if (gate.undecided()) {
        return fmt::format("{} needs at least {} values, there are {}", gate.condition.figure.name,
                           gate.values_needed, gate.values);
    }
    return gate.measured ? fmt::format("{} was {}, allowed is {}", gate.condition.figure.name,
                                       gate.measured_text(), gate.allowed_text())
                         : fmt::format("{} has no figure, allowed is {}",
                                       gate.condition.figure.name, gate.allowed_text());
}

} // namespace

Verdict judge(const Options& options, const RunResult& result) {
    Verdict verdict = judge_run(options, result);
    const auto failed = [&verdict](std::string why) {
        verdict.reasons.push_back(std::move(why));
        if (verdict.outcome == Outcome::ok) {
            verdict.outcome = Outcome::gate_failed;
            verdict.exit_code = 3;
        }
    };
    verdict.gates =
        judge_gates(options.gates, {result.tally, options.pace.has_value(), result.window,
                                    result.outages ? &*result.outages : nullptr});
    for (const GateResult& gate : verdict.gates) {
        if (!gate.passed && !gate.undecided()) {
            failed(describe(gate));
        }
    }
    if (result.abuse) {
        for (std::string& why : unmet(options.abuse, *result.abuse)) {
            failed(std::move(why));
        }
    }
    for (const GateResult& gate : verdict.gates) {
        if (gate.undecided()) {
            verdict.reasons.push_back(describe(gate));
            if (verdict.outcome == Outcome::ok) {
                verdict.outcome = Outcome::undecided;
                verdict.exit_code = 6;
            }
        }
    }
    return verdict;
}

void add_write_failure(Verdict& verdict, std::string reason) {
    verdict.reasons.push_back(std::move(reason));
    if (verdict.outcome > Outcome::not_possible) {
        verdict.outcome = Outcome::not_possible;
        verdict.exit_code = 1;
    }
}

Verdict interrupted(int signal) {
    return {Outcome::interrupted,
            128 + signal,
            {fmt::format("interrupted by {}", name_of_signal(signal))},
            {}};
}

Verdict not_possible(std::string reason) {
    return {Outcome::not_possible, 1, {std::move(reason)}, {}};
}

} // namespace echoload
