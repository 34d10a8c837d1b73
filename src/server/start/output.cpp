// SPDX-License-Identifier: MIT
#include "server/start/output.hpp"

#include <cstdio>

namespace echod {

int flush_output() {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
        return 0;
    }
    std::perror("echod: standard output");
    return 1;
}

} // namespace echod
