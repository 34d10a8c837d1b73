// SPDX-License-Identifier: MIT
#include "client/run/resources.hpp"

#include "base/sys_error.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace echoload {

namespace {

// Besides the connections: the standard three, epoll, signals, a wake-up, the result's files, and
// what the caller may have left open. A loop has an epoll and a wake-up.
constexpr rlim_t kOtherDescriptors = 32;
constexpr rlim_t kDescriptorsOfALoop = 2;

// Bytes of echoload and of the kernel for a TCP socket with empty buffers; and of a message in
// flight: its times of sending and of being due, in a ring that may be twice as long as needed.
constexpr std::uint64_t kMemoryOfAConnection = 1024 + 4096;
constexpr std::uint64_t kMemoryInFlight = 32;

std::optional<std::uint64_t> available_memory() {
    std::ifstream file("/proc/meminfo");
    std::string name;
    std::uint64_t kib = 0;
    std::string unit;
    while (file >> name >> kib && std::getline(file, unit)) {
        if (name == "MemAvailable:") {
            return kib * 1024;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> number_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::uint64_t number = 0;
    return stream >> number ? std::optional(number) : std::nullopt; // "max": no limit
}

// Memory of files that the kernel drops when it needs room.
std::uint64_t reclaimable(const std::filesystem::path& group) {
    std::ifstream file(group / "memory.stat");
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t found = 0;
    while (file >> name >> bytes) {
        if (name == "inactive_file" || name == "total_inactive_file") {
            found = bytes;
        }
    }
    return found;
}

struct GroupMemory {
    std::uint64_t left = 0;
    std::filesystem::path limit; ///< the file that has the limit
};

// What the strictest limit of a control group leaves.
std::optional<GroupMemory> memory_of_group(const ControlGroupPlaces& places) {
    constexpr const char* kNames[][2] = {{"memory.max", "memory.current"},
                                         {"memory.limit_in_bytes", "memory.usage_in_bytes"}};
    std::optional<GroupMemory> least;
    for (const std::filesystem::path& group : echod::control_groups(::getpid(), "memory", places)) {
        for (const auto& names : kNames) {
            const auto limit = number_of(group / names[0]);
            const auto used = number_of(group / names[1]);
            if (!limit || !used) {
                continue;
            }
            const std::uint64_t in_use = *used - std::min(*used, reclaimable(group));
            const std::uint64_t left = *limit - std::min(*limit, in_use);
            if (!least || left < least->left) {
                least = GroupMemory{left, group / names[0]};
            }
        }
    }
    return least;
}

} // namespace

void check_memory(const Demand& demand, const ControlGroupPlaces& places) {
    const std::uint64_t needed = demand.all_connections() * kMemoryOfAConnection +
                                 demand.connections * demand.pipeline * kMemoryInFlight;
    const std::optional<std::uint64_t> available = available_memory();
    if (available && needed > *available) {
        throw NotPossible(fmt::format(
            "{} connections with {} in flight need about {} MB, and {} MB are available: request "
            "fewer connections (-c, --abuse) or messages in flight (-p)",
            demand.all_connections(), demand.pipeline, needed / 1'000'000, *available / 1'000'000));
    }
    const auto group = memory_of_group(places);
    if (group && needed > group->left) {
        throw NotPossible(fmt::format(
            "{} connections with {} in flight need about {} MB, and the limit of the control group "
            "leaves {} MB ({}): request fewer connections (-c, --abuse) or messages in flight "
            "(-p), or raise the limit (MemoryMax= of the unit)",
            demand.all_connections(), demand.pipeline, needed / 1'000'000, group->left / 1'000'000,
            group->limit.native()));
    }
}

void check_cpus(const std::vector<std::uint32_t>& cpus) {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) {
        return; // a machine with more processors than the set can hold
    }
    for (const std::uint32_t cpu : cpus) {
        if (!CPU_ISSET(cpu, &set)) {
            std::string allowed;
            for (std::size_t each = 0; each < CPU_SETSIZE; ++each) {
                if (CPU_ISSET(each, &set)) {
                    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", each);
                }
            }
            throw NotPossible(fmt::format(
                "--cpus: this process cannot run on processor {}, but on {}", cpu, allowed));
        }
    }
}

NotPossible cannot_start_thread(int error, std::uint64_t started, std::uint64_t wanted) {
    const std::string what = fmt::format("only {} of {} threads could be started: {}", started,
                                         wanted, echod::describe_errno(error));
    if (error == EAGAIN) {
        rlimit limit{};
        const bool known = ::getrlimit(RLIMIT_NPROC, &limit) == 0;
        return NotPossible(fmt::format(
            "{}; the number of processes and threads is limited by RLIMIT_NPROC ({} for this "
            "user), by pids.max of the control group (TasksMax= of the unit) and by "
            "kernel.threads-max: "
            "raise the limit, or request fewer threads (-t)",
            what,
            !known || limit.rlim_cur == RLIM_INFINITY ? "unlimited"
                                                      : std::to_string(limit.rlim_cur)));
    }
    if (error == EPERM || error == ENOSYS) {
        return NotPossible(fmt::format(
            "{}; a filter of system calls denies clone3(2): allow it, or let it fail with ENOSYS, "
            "so that clone(2) is used (SystemCallFilter= of the unit, or the container's profile)",
            what));
    }
    return NotPossible(what + ": request fewer threads (-t)");
}

void reserve_descriptors(const Demand& demand) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "getrlimit(RLIMIT_NOFILE)");
    }
    const rlim_t loops = demand.threads + (demand.misbehaving == 0 ? 0U : 1U);
    const rlim_t others = kOtherDescriptors + loops * kDescriptorsOfALoop;
    const rlim_t needed = demand.all_connections() + others;
    if (needed <= limit.rlim_cur) {
        return;
    }
    if (needed > limit.rlim_max) {
        throw NotPossible(fmt::format(
            "{} connections need {} descriptors, and the hard limit is {} (RLIMIT_NOFILE): request "
            "at most {} connections (-c), or raise the limit (ulimit -Hn {} as root, or "
            "LimitNOFILE= of the unit)",
            demand.all_connections(), needed, limit.rlim_max,
            limit.rlim_max > others ? limit.rlim_max - others : 0, needed));
    }
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "setrlimit(RLIMIT_NOFILE)");
    }
}

} // namespace echoload
