// SPDX-License-Identifier: MIT
// The verdict on a run: an exit code for scripts, and reasons in words.
#pragma once

#include "base/enum_names.hpp"
#include "client/measure/gates.hpp"
#include "client/options/options.hpp"
#include "client/result/run_result.hpp"

#include <string>
#include <vector>

namespace echoload {

/// The exit codes. Where several apply, the one that stands higher here wins.
enum class Outcome : std::uint8_t {
    wrong_echo,    ///< 4: it is a fact about the server, however the run ended
    interrupted,   ///< 128 + the signal's number
    not_possible,  ///< 1: no connection was established, or the machine refused a resource
    not_delivered, ///< 5: less than requested: connections or messages are missing
    gate_failed,   ///< 3: under that load a limit was exceeded or an expectation not met
    undecided,     ///< 6: too few values for a gate
    ok,            ///< 0
};

struct Verdict {
    Outcome outcome = Outcome::ok;
    int exit_code = 0;
    std::vector<std::string>
        reasons;                   ///< sentences without a full stop; none where the outcome is ok
    std::vector<GateResult> gates; ///< all of them, passed or failed
};

/// Judges a run.
[[nodiscard]] Verdict judge(const Options& options, const RunResult& result);

/// Adds to a verdict that a part of the result could not be written: the outcome becomes "not
/// possible", unless it outranks that.
void add_write_failure(Verdict& verdict, std::string reason);

/// The verdict on a run that a signal ended before it began.
[[nodiscard]] Verdict interrupted(int signal);

/// The verdict on a run that never began.
[[nodiscard]] Verdict not_possible(std::string reason);

} // namespace echoload

template <>
inline constexpr auto echod::kEnumNames<echoload::Outcome> =
    echod::names_up_to<echoload::Outcome::ok>({"wrong echo", "interrupted", "not possible",
                                               "not delivered", "gate failed", "undecided", "ok"});
