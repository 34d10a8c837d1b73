// SPDX-License-Identifier: MIT
// The file of echoload repeat: the results of several runs of the same load.
#pragma once

#include "client/report/stored_result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echoload {

/// A run of a series.
struct RepeatedRun {
    std::string side;        ///< "A" or "B"; "A" where the series has one side
    std::uint64_t block = 0; ///< from 1: four runs of interleaved sides, or one run
    StoredResult result;
};

/// A series of runs.
struct Repeated {
    std::uint64_t runs = 0; ///< that were requested, of each side
    double pause_s = 0;
    bool interleaved = false; ///< two sides
    std::uint64_t seed = 0;
    std::vector<RepeatedRun> done; ///< in the order in which they ran
};

/// A run of a series as JSON.
[[nodiscard]] Json repeated_run_json(const std::string& side, std::uint64_t block,
                                     const StoredResult& result);

/// The series as one JSON object, with such runs instead of `head.done`.
[[nodiscard]] Json repeated_json(const Repeated& head, Json runs);

/// Reads the runs of a file that repeat wrote, or of a result, which is one run of side A. Throws
/// BadResult as read_result() does.
[[nodiscard]] Repeated read_runs(const std::string& path);

} // namespace echoload
