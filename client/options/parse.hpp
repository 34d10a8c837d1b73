// SPDX-License-Identifier: MIT
// argv of the commands, parsed.
#pragma once

#include "client/options/capacity_options.hpp"
#include "client/options/compare_options.hpp"
#include "client/options/no_run.hpp"
#include "client/options/options.hpp"
#include "client/options/repeat_options.hpp"

#include <variant>

namespace echoload {

/// Parse argv of `echoload merge`, `echoload compare` and `echoload show`; argv[0] is that word.
/// Throw nothing but std::bad_alloc.
[[nodiscard]] std::variant<MergeOptions, NoRun> parse_merge(int argc, const char* const* argv);
[[nodiscard]] std::variant<CompareOptions, NoRun> parse_compare(int argc, const char* const* argv);
[[nodiscard]] std::variant<ShowOptions, NoRun> parse_show(int argc, const char* const* argv);

/// Parses argv of a run. Sets a random seed if none is given. Throws nothing but std::bad_alloc.
[[nodiscard]] std::variant<Options, NoRun> parse_options(int argc, const char* const* argv);

/// The same of `echoload repeat`; argv[0] is that word.
[[nodiscard]] std::variant<RepeatOptions, NoRun> parse_repeat(int argc, const char* const* argv);

/// The same of `echoload search` and `echoload sweep`.
[[nodiscard]] std::variant<SearchOptions, NoRun> parse_search(int argc, const char* const* argv);
[[nodiscard]] std::variant<SweepOptions, NoRun> parse_sweep(int argc, const char* const* argv);

} // namespace echoload
