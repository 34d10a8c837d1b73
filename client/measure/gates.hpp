// SPDX-License-Identifier: MIT
// Gates: the conditions that a run has to meet to pass.
#pragma once

#include "client/measure/condition.hpp"
#include "client/measure/outage.hpp"
#include "client/measure/tally.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// The conditions that a run has to meet, in the order in which they were given.
using Gates = std::vector<Condition>;

/// "--max-error-rate 0.1%": at most that share of errors.
[[nodiscard]] Condition error_rate_gate(double share);

/// Whether a condition limits the errors, which are then judged by it alone.
[[nodiscard]] bool limits_errors(const Gates& gates) noexcept;

/// The outcome of one gate.
struct GateResult {
    Condition condition;
    std::optional<double> measured; ///< without a value the gate fails
    bool passed = false;
    std::uint64_t values_needed = 0; ///< not 0: undecided, because there are fewer values than that
    std::uint64_t values = 0;        ///< then, how many there are

    [[nodiscard]] bool undecided() const noexcept { return values_needed != 0; }

    /// "passed", "failed" or "undecided".
    [[nodiscard]] const char* outcome() const noexcept {
        if (passed) {
            return "passed";
        }
        return undecided() ? "undecided" : "failed";
    }

    /// Measured and allowed as a person reads them: "1.23ms"; "-" where nothing was measured.
    /// "5ms" where that much is allowed, otherwise with the comparison: "<5ms", ">=10000/s".
    [[nodiscard]] std::string measured_text() const;
    [[nodiscard]] std::string allowed_text() const;
};

/// Whether a condition limits the outages, which are then judged by these limits alone.
[[nodiscard]] bool limits_outages(const Gates& gates) noexcept;

/// Whether a condition limits the messages that were lost.
[[nodiscard]] bool limits_lost(const Gates& gates) noexcept;

/// The larger of two shares: of messages sent or due, those without a right echo, also where they
/// were never sent; of connections, those that could not be established or ended early, which few
/// messages show. Where lost connections are replaced (`reconnects`), they are tried as often as
/// necessary, and messages alone count. Nothing where nothing was tried. A message in flight when
/// the run was ended from outside has not failed.
[[nodiscard]] std::optional<double> error_rate(const MessageCounts& messages,
                                               const ConnectionCounts& connections,
                                               bool reconnects = false) noexcept;

/// What a run is judged by.
struct MeasuredRun {
    const Tally& tally;
    bool open_loop = false;
    std::optional<Duration> window;   ///< the length of the measured part
    const Outages* outages = nullptr; ///< null where lost connections are not replaced
};

/// Judges a run by its gates, in their order. A percentile with no value beyond it is the maximum
/// of too few values, and undecided; but one above an upper limit fails in any case.
[[nodiscard]] std::vector<GateResult> judge_gates(const Gates& gates, const MeasuredRun& run);

} // namespace echoload
