// SPDX-License-Identifier: MIT
// echoload, the load generator: see client/command for what it does with its arguments.
#include "client/command/command.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace {

// A file that is opened must not get the number of a standard descriptor that is closed. It cannot
// be written either: a result that goes nowhere is an error.
void open_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) < 0) {
            (void)::open("/dev/null", O_RDONLY);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    open_standard_descriptors();
    // write(2) then fails with EPIPE or EFBIG, which is reported; by default these signals would
    // end the process.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    // echod's signal for a restart; sent to the wrong process, it must not end a run.
    std::signal(SIGUSR2, SIG_IGN);
    return echoload::run_command(argc, argv);
}
