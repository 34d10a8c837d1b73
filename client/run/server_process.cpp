// SPDX-License-Identifier: MIT
#include "client/run/server_process.hpp"

#include "base/unique_fd.hpp"
#include "base/units.hpp"
#include "client/result/not_possible.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <string_view>

namespace echoload {

namespace {

using echod::UniqueFd;

// The standard output of a command, or nothing where it could not be run or failed.
std::optional<std::string> output_of(const char* const* command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
    // The signals that this process blocks are to end the child.
    posix_spawnattr_t attributes{};
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, command[0], &actions, &attributes,
                                     const_cast<char* const*>(command), environ); // NOLINT
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return std::nullopt;
    }
    writer.reset();
    std::string text;
    std::array<char, 256> buffer{};
    ssize_t size = 0;
    while ((size = ::read(reader.get(), buffer.data(), buffer.size())) > 0 ||
           (size < 0 && errno == EINTR)) {
        text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0 ? std::optional(text) : std::nullopt;
}

// The main process of a systemd unit. Throws NotPossible where there is none, or where systemctl
// fails.
pid_t main_pid_of_unit(const std::string& unit) {
    const std::array<const char*, 8> command = {"systemctl", "show", "-p",         "MainPID",
                                                "--value",   "--",   unit.c_str(), nullptr};
    const auto text = output_of(command.data());
    if (!text) {
        throw NotPossible(fmt::format("--server-unit: systemctl show {} failed", unit));
    }
    const std::string_view line = std::string_view(*text).substr(0, text->find('\n'));
    const auto pid = echod::parse_integer(line, std::numeric_limits<pid_t>::max());
    if (pid.value_or(0) == 0) {
        throw NotPossible(fmt::format("--server-unit: {} has no main process", unit));
    }
    return static_cast<pid_t>(*pid);
}

} // namespace

std::optional<ProcessWatch> find_server(std::optional<int> pid, const std::string& unit) {
    if (!unit.empty()) {
        return ProcessWatch(main_pid_of_unit(unit));
    }
    if (!pid) {
        return std::nullopt;
    }
    if (!sample_process(*pid)) {
        if (::kill(*pid, 0) == 0 || errno == EPERM) {
            throw NotPossible(fmt::format(
                "--server-pid: process {0} runs, but /proc/{0} cannot be read (it is not "
                "mounted, or hidden by hidepid=, see proc(5)): run echoload as the user of that "
                "process or as root",
                *pid));
        }
        throw NotPossible(fmt::format("--server-pid: there is no process {}", *pid));
    }
    return ProcessWatch(*pid);
}

} // namespace echoload
