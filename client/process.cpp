// SPDX-License-Identifier: MIT
#include "client/process.hpp"

#include "base/sys_error.hpp"
#include "base/unique_fd.hpp"
#include "client/preflight.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace echoload {

namespace {

using echod::UniqueFd;

std::string read_all(const std::string& path) {
    // A process or thread may end while it is looked at: then reading fails, which is no text.
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// The fields of /proc/PID/stat from the third on: the second, a name in parentheses, may hold
// anything, also parentheses and spaces.
std::istringstream stat_fields(pid_t pid) {
    const std::string text = read_all(fmt::format("/proc/{}/stat", pid));
    const std::size_t end = text.rfind(')');
    return std::istringstream(end == std::string::npos ? std::string() : text.substr(end + 1));
}

// What schedstat counts is exact; stat has it in ticks of 10 ms.
std::map<pid_t, Duration> thread_times(pid_t pid) {
    std::map<pid_t, Duration> times;
    std::error_code error;
    std::filesystem::directory_iterator task(fmt::format("/proc/{}/task", pid), error);
    for (; !error && task != end(task); task.increment(error)) {
        std::istringstream text(read_all(task->path() / "schedstat"));
        std::int64_t ns = 0;
        if (text >> ns) {
            times[static_cast<pid_t>(std::stol(task->path().filename()))] = Duration(ns);
        }
    }
    return times;
}

std::uint64_t resident_bytes(pid_t pid) {
    std::istringstream status(read_all(fmt::format("/proc/{}/status", pid)));
    std::string word;
    std::uint64_t kib = 0;
    while (status >> word) {
        if (word == "VmRSS:" && status >> kib) {
            return kib * 1024;
        }
    }
    return 0;
}

std::optional<std::uint64_t> descriptors_of(pid_t pid) {
    std::error_code error;
    std::filesystem::directory_iterator each(fmt::format("/proc/{}/fd", pid), error);
    std::uint64_t count = 0;
    for (; !error && each != end(each); each.increment(error)) {
        ++count;
    }
    return error ? std::nullopt : std::optional(count);
}

// Its standard output, or nothing where it could not be run or failed.
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
    // Ours wait to be read; its own are to end it.
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

} // namespace

std::optional<ProcessSample> sample_process(pid_t pid) {
    ProcessSample sample;
    sample.at = echod::Clock::now();
    std::istringstream fields = stat_fields(pid);
    std::string skipped;
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    for (int field = 3; field < 14; ++field) {
        fields >> skipped;
    }
    fields >> user >> system;
    for (int field = 16; field < 22; ++field) {
        fields >> skipped;
    }
    if (!(fields >> sample.started)) {
        return std::nullopt;
    }
    const auto ticks = static_cast<double>(user + system);
    const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    sample.cpu = Duration(static_cast<std::int64_t>(ticks / per_second * 1e9));
    sample.threads = thread_times(pid);
    sample.resident = resident_bytes(pid);
    sample.descriptors = descriptors_of(pid);
    return sample;
}

pid_t main_pid_of_unit(const std::string& unit) {
    const std::array<const char*, 8> command = {"systemctl", "show", "-p",         "MainPID",
                                                "--value",   "--",   unit.c_str(), nullptr};
    const auto text = output_of(command.data());
    if (!text) {
        throw NotPossible(fmt::format("--server-unit: systemctl show {} failed", unit));
    }
    pid_t pid = 0;
    std::from_chars(text->data(), text->data() + text->size(), pid);
    if (pid <= 0) {
        throw NotPossible(fmt::format("--server-unit: {} has no main process", unit));
    }
    return pid;
}

void ProcessWatch::begin() {
    before_ = sample_process(pid_);
}

void ProcessWatch::end() {
    after_ = sample_process(pid_);
}

std::optional<ProcessUse> ProcessWatch::use() const {
    if (!before_ || !after_ || before_->started != after_->started || after_->at <= before_->at) {
        return std::nullopt;
    }
    const double wall = echod::to_seconds(after_->at - before_->at);
    const auto share = [wall](Duration used) { return echod::to_seconds(used) / wall; };
    ProcessUse use;
    use.pid = pid_;
    use.cpu = share(after_->cpu - before_->cpu);
    Duration of_living{};
    for (const auto& [thread, time] : after_->threads) {
        const auto earlier = before_->threads.find(thread);
        const Duration until = earlier == before_->threads.end() ? Duration() : earlier->second;
        of_living += time - until;
        use.busiest_thread = std::max(use.busiest_thread, share(time - until));
    }
    const auto has_ended = [this](const auto& thread) {
        return after_->threads.find(thread.first) == after_->threads.end();
    };
    if (std::any_of(before_->threads.begin(), before_->threads.end(), has_ended)) {
        // What is left of the whole is theirs: together, so at most one's.
        use.busiest_thread =
            std::max(use.busiest_thread, share(after_->cpu - before_->cpu - of_living));
    }
    use.resident_before = before_->resident;
    use.resident = after_->resident;
    use.descriptors_before = before_->descriptors;
    use.descriptors = after_->descriptors;
    return use;
}

} // namespace echoload
