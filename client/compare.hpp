// SPDX-License-Identifier: MIT
// What is done with results after the run: several made one, and two compared.
#pragma once

#include "client/gates.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// A file is no result; the text names the file and the place in it.
class BadResult : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A figure that two results have: "rate", "bytes", "error-rate", or one of a latency as in "p99"
/// or "connect.max".
struct ComparedFigure {
    std::string name;                     ///< as it was written
    std::string latency;                  ///< the part before the dot, or empty
    std::optional<LatencyFigure> of_time; ///< of a latency; else `name` says it all

    /// Nothing where the text is none of these.
    [[nodiscard]] static std::optional<ComparedFigure> parse(std::string_view text);
};

/// "p99>+10%": B's figure differs from A's by more than that.
struct FailIf {
    std::string text;
    ComparedFigure figure;
    bool above = true; ///< '>', else '<'
    double percent = 0;

    /// Throws std::invalid_argument that says what is wrong.
    [[nodiscard]] static FailIf parse(std::string_view text);
};

struct CompareOptions {
    std::string before; ///< A
    std::string after;  ///< B
    std::vector<FailIf> fail_if;
};

struct MergeOptions {
    std::vector<std::string> files;
    std::string output; ///< a file; empty is standard output
};

/// What a command that reads results has to say.
struct Compared {
    std::string text;
    int exit_code = 0;
};

/// A table of both results' figures with their differences; 3 where a condition holds or cannot be
/// judged. Throws BadResult.
[[nodiscard]] Compared compare_results(const CompareOptions& options);

/// One result's JSON of several that ran at the same time: counts, buckets and rates are added, the
/// worst verdict counts and gives the exit code. Throws BadResult.
[[nodiscard]] Compared merge_results(const std::vector<std::string>& files);

} // namespace echoload
