// SPDX-License-Identifier: MIT
// Optional work that is skipped if memory is exhausted.
#pragma once

#include <new>

namespace echod {

/// Runs `work`, which serves people and not clients: log lines, statistics, reloads. If it fails
/// for lack of memory, it is skipped: serving clients needs no memory and must continue.
template <class Work>
void ignore_bad_alloc(Work&& work) {
    try {
        work();
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): logging needs memory too
    }
}

} // namespace echod
