// SPDX-License-Identifier: MIT
#include "client/verdict.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>

namespace echoload {

namespace {

// The rate is kept where so much of it is.
constexpr double kRateKept = 0.99;

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

// Why connections could not be made that the errno alone does not tell.
void explain_errors(const Options& options, const ErrorTable& errors,
                    std::vector<std::string>& reasons) {
    if (errors.count(Phase::connect, EADDRNOTAVAIL) != 0) {
        reasons.emplace_back(
            "no local port was free (EADDRNOTAVAIL): one address of ours has as "
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

// A run by the clock that was over before: its connections were gone.
void find_early_end(const Options& options, const RunResult& result,
                    std::vector<std::string>& reasons) {
    if (!options.duration || result.signal != 0) {
        return;
    }
    const Duration lasted = result.window.value_or(Duration::zero());
    if (lasted < *options.duration) {
        reasons.push_back(fmt::format("no connection was left {} into the {} to measure",
                                      echod::humanize_duration(lasted),
                                      echod::format_duration(*options.duration)));
    }
}

// What is missing of the load; `reasons` grows by a sentence for each.
void find_shortfall(const Options& options, const RunResult& result,
                    std::vector<std::string>& reasons) {
    const ConnectionCounts& connections = result.tally.connections;
    const MessageCounts& messages = result.tally.messages;
    const auto of_connections = [&](std::uint64_t count, std::string_view what) {
        if (count != 0) {
            reasons.push_back(fmt::format("{} of {} {}", count,
                                          counted(options.connections, "connection", "connections"),
                                          what));
        }
    };
    of_connections(result.not_tried, "not tried to the end");
    const std::uint64_t unanswered =
        messages.timed_out + messages.lost + messages.shed + messages.unsent - result.undealt;
    // Some were allowed to fail: then --max-error-rate says whether these were too many.
    const bool rate_kept = !result.rate || result.rate->ratio() >= kRateKept;
    const bool judged_by_rate = options.gates.max_error_rate.has_value();
    if (!judged_by_rate) {
        of_connections(connections.failed, "failed");
        of_connections(connections.closed_early, "ended early");
        if (messages.timed_out != 0) {
            reasons.push_back(fmt::format(
                "{} not answered within {}{}", counted(messages.timed_out, "message", "messages"),
                echod::format_duration(options.timeout),
                options.drain && !options.messages
                    ? fmt::format(", or {} after the end", echod::format_duration(*options.drain))
                    : ""));
        }
        if (messages.lost != 0) {
            reasons.push_back(fmt::format("{} lost with their connections",
                                          counted(messages.lost, "message", "messages")));
        }
        if (messages.shed != 0 && rate_kept) {
            reasons.push_back(fmt::format("{} shed: more than --max-in-flight {} were unanswered",
                                          counted(messages.shed, "message", "messages"),
                                          options.max_in_flight));
        }
        if (messages.unsent != 0) {
            reasons.push_back(fmt::format("{} due and never sent",
                                          counted(messages.unsent, "message", "messages")));
        }
    }
    find_early_end(options, result, reasons);
    if (!rate_kept) {
        reasons.push_back(fmt::format("{:.0f} of {:.0f} messages a second were sent in time ({} "
                                      "shed)",
                                      result.rate->achieved, result.rate->asked,
                                      messages.measured_shed));
    }
    if (options.messages &&
        messages.measured + (judged_by_rate ? unanswered : 0) < *options.messages) {
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
        if (options
                .count_mismatches) { // else the run was stopped there: what is missing says nothing
            find_shortfall(options, result, verdict.reasons);
        }
        return verdict;
    }
    if (result.signal != 0) {
        return interrupted(result.signal);
    }
    if (!result.failure.empty() || result.tally.connections.up == 0) {
        verdict.outcome = Outcome::not_possible;
        verdict.exit_code = 1;
        verdict.reasons.push_back(result.failure.empty() ? "no connection could be made"
                                                         : result.failure);
        explain_errors(options, result.tally.errors, verdict.reasons);
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
    return gate.measured
               ? fmt::format("{} was {}, allowed is {}", gate.name, gate.measured_text(),
                             gate.allowed_text())
               : fmt::format("{} has no figure, allowed is {}", gate.name, gate.allowed_text());
}

} // namespace

std::string_view to_string(Outcome outcome) noexcept {
    switch (outcome) {
    case Outcome::wrong_echo:
        return "wrong echo";
    case Outcome::interrupted:
        return "interrupted";
    case Outcome::not_possible:
        return "not possible";
    case Outcome::not_delivered:
        return "not delivered";
    case Outcome::gate_failed:
        return "gate failed";
    case Outcome::ok:
        return "ok";
    }
    return "unknown";
}

Verdict judge(const Options& options, const RunResult& result) {
    Verdict verdict = judge_run(options, result);
    const auto failed = [&verdict](std::string why) {
        verdict.reasons.push_back(std::move(why));
        if (verdict.outcome == Outcome::ok) {
            verdict.outcome = Outcome::gate_failed;
            verdict.exit_code = 3;
        }
    };
    verdict.gates = judge_gates(options.gates, result.tally, options.pace.has_value());
    for (const GateResult& gate : verdict.gates) {
        if (!gate.passed) {
            failed(describe(gate));
        }
    }
    if (result.abuse) {
        for (std::string& why : unmet(options.abuse, *result.abuse)) {
            failed(std::move(why));
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
            {fmt::format("interrupted by {}", signal == SIGINT ? "SIGINT" : "SIGTERM")},
            {}};
}

Verdict not_possible(std::string reason) {
    return {Outcome::not_possible, 1, {std::move(reason)}, {}};
}

} // namespace echoload
