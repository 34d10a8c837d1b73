// SPDX-License-Identifier: MIT
// What the daemon does where memory is out: less for people, the same for clients.
#pragma once

#include <new>

namespace echod {

/// Does what is done for people (log lines, statistics, reloads), which may find that memory is
/// out. Then it is left out, and the clients, who need none, are served on.
template <class Work>
void unless_memory_is_out(Work&& work) {
    try {
        work();
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): there is none to say it with
    }
}

} // namespace echod
