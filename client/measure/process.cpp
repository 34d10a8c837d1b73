// SPDX-License-Identifier: MIT
#include "client/measure/process.hpp"

#include "base/units.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace echoload {

namespace {

std::string read_all(const std::string& path) {
    // A process or thread may end meanwhile: then reading fails, and the text is empty.
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
std::map<pid_t, ThreadTimes> thread_times(pid_t pid) {
    std::map<pid_t, ThreadTimes> times;
    std::error_code error;
    std::filesystem::directory_iterator task(fmt::format("/proc/{}/task", pid), error);
    for (; !error && task != end(task); task.increment(error)) {
        std::istringstream text(read_all(task->path() / "schedstat"));
        std::int64_t cpu = 0;
        std::int64_t waited = 0;
        const auto thread = echod::parse_integer(task->path().filename().native());
        if (thread && text >> cpu >> waited) {
            times[static_cast<pid_t>(*thread)] = {Duration(cpu), Duration(waited)};
        }
    }
    return times;
}

std::optional<std::uint64_t> resident_bytes(pid_t pid) {
    std::istringstream status(read_all(fmt::format("/proc/{}/status", pid)));
    std::string word;
    std::uint64_t kib = 0;
    while (status >> word) {
        if (word == "VmRSS:" && status >> kib) {
            return kib * 1024;
        }
    }
    return std::nullopt;
}

// The time of all threads of a process, to the nanosecond, also without /proc.
std::optional<Duration> process_time(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
        return std::nullopt;
    }
    return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

// When a process started, in ticks since the boot: field 22 of stat.
std::optional<std::uint64_t> start_ticks(pid_t pid) {
    std::istringstream fields = stat_fields(pid);
    std::string skipped;
    for (int field = 3; field < 22; ++field) {
        fields >> skipped;
    }
    std::uint64_t started = 0;
    return fields >> started ? std::optional(started) : std::nullopt;
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

} // namespace

std::optional<ProcessSample> sample_process(pid_t pid) {
    ProcessSample sample;
    sample.at = echod::Clock::now();
    const auto cpu = process_time(pid);
    const auto started = start_ticks(pid);
    if (!cpu || (!started && pid != ::getpid())) {
        return std::nullopt;
    }
    sample.cpu = *cpu;
    sample.started = started.value_or(0);
    sample.threads = thread_times(pid);
    sample.resident = resident_bytes(pid);
    sample.descriptors = descriptors_of(pid);
    sample.throttling = echod::read_throttling(pid);
    return sample;
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
    use.too_short = after_->at - before_->at < kShortestShare;
    Duration of_living{};
    for (const auto& [thread, times] : after_->threads) {
        const auto earlier = before_->threads.find(thread);
        const ThreadTimes until =
            earlier == before_->threads.end() ? ThreadTimes() : earlier->second;
        of_living += times.cpu - until.cpu;
        use.busiest_thread = std::max(use.busiest_thread, share(times.cpu - until.cpu));
        use.longest_wait =
            std::max(use.longest_wait, std::optional(share(times.waited - until.waited)));
    }
    const auto has_ended = [this](const auto& thread) {
        return after_->threads.find(thread.first) == after_->threads.end();
    };
    if (std::any_of(before_->threads.begin(), before_->threads.end(), has_ended)) {
        // The rest of the process's time is that of ended threads: an upper bound for one of them.
        use.busiest_thread =
            std::max(use.busiest_thread, share(after_->cpu - before_->cpu - of_living));
    }
    use.busiest_thread = std::min({use.busiest_thread, use.cpu, 1.0}); // read one after the other
    use.throttling = throttling_between(before_->throttling, after_->throttling);
    use.resident_before = before_->resident;
    use.resident = after_->resident;
    use.descriptors_before = before_->descriptors;
    use.descriptors = after_->descriptors;
    return use;
}

} // namespace echoload
