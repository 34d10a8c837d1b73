// SPDX-License-Identifier: MIT
// The two sides of a comparison, each with one or several runs of the same load.
#pragma once

#include "client/options/compare_options.hpp"
#include "client/report/stored_result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace echoload {

/// A result, and where it was read: "FILE", or "FILE: run 3".
struct SideRun {
    std::string place;
    StoredResult result;
};

struct Sides {
    std::vector<SideRun> a;
    std::vector<SideRun> b;
    bool interleaved = false;      ///< a[i] and b[i] ran one after the other
    std::vector<SideRun> unpaired; ///< runs of an interleaved series that was ended, left out

    [[nodiscard]] bool single_runs() const noexcept { return a.size() == 1 && b.size() == 1; }
};

/// Reads both sides. Throws BadResult where a file is not a result, where a side has no run or the
/// same run twice, and, unless `options.force`, where runs have different loads.
[[nodiscard]] Sides read_sides(const CompareOptions& options);

/// A line on each run whose verdict says that its figures are not those of the requested load;
/// empty where there is none.
[[nodiscard]] std::string bad_runs(const Sides& sides);

/// A line on each option that differs between two results. Targets are left out: where the same
/// load went is no part of the load.
[[nodiscard]] std::string different_options(const Json& a, const Json& b);

} // namespace echoload
