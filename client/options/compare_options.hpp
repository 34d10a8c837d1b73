// SPDX-License-Identifier: MIT
// The options of the commands compare and merge.
#pragma once

#include "client/measure/gates.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// A figure of a result: "rate", "bytes", "error-rate", or one of a latency, such as "p99" or
/// "connect.max".
struct ComparedFigure {
    std::string name;                     ///< as given
    std::string latency;                  ///< the part before the dot, or empty
    std::optional<LatencyFigure> of_time; ///< if it is of a latency

    /// Returns nothing if the text is none of these.
    [[nodiscard]] static std::optional<ComparedFigure> parse(std::string_view text);
};

/// "p99>+10%": the figure of B is above (or below) that of A by more than that.
struct FailIf {
    std::string text;
    ComparedFigure figure;
    bool above = true; ///< '>', else '<'
    double percent = 0;

    /// Throws std::invalid_argument with the valid form.
    [[nodiscard]] static FailIf parse(std::string_view text);
};

struct CompareOptions {
    std::string before; ///< A
    std::string after;  ///< B
    std::vector<FailIf> fail_if;
    bool force = false; ///< compare different loads
};

struct MergeOptions {
    std::vector<std::string> files;
    std::string output; ///< a file; empty is standard output
};

} // namespace echoload
