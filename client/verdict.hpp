// SPDX-License-Identifier: MIT
// Whether a run was all well, as a script and as a person asks it.
#pragma once

#include "client/gates.hpp"
#include "client/options.hpp"
#include "client/runner.hpp"

#include <string>
#include <vector>

namespace echoload {

/// The exit codes. Where several apply, the one that stands higher here wins.
enum class Outcome : std::uint8_t {
    wrong_echo,    ///< 4: it is a fact about the server, however the run ended
    interrupted,   ///< 128 + the signal's number
    not_possible,  ///< 1: not one connection was made, or the machine gave out
    not_delivered, ///< 5: less than what was asked: connections or messages are missing
    gate_failed, ///< 3: a limit was exceeded or the server did not do as expected, under that load
    ok,          ///< 0
};

struct Verdict {
    Outcome outcome = Outcome::ok;
    int exit_code = 0;
    std::vector<std::string> reasons; ///< sentences without a full stop; none where all is well
    std::vector<GateResult> gates;    ///< all of them, also those that were passed
};

[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

/// Judges a run.
[[nodiscard]] Verdict judge(const Options& options, const RunResult& result);

/// Adds to a verdict that a part of the result could not be written: not possible, but where what
/// was found outranks that.
void add_write_failure(Verdict& verdict, std::string reason);

/// The verdict on a run that a signal ended before it began.
[[nodiscard]] Verdict interrupted(int signal);

/// The verdict on a run that never began.
[[nodiscard]] Verdict not_possible(std::string reason);

} // namespace echoload
