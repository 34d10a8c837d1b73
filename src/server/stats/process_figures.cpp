// SPDX-License-Identifier: MIT
#include "server/stats/process_figures.hpp"

#include "base/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace echod {

namespace {

constexpr const char* kDescriptors = "/proc/self/fd";

std::optional<double> cpu_time() noexcept {
    timespec used{};
    if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) {
        return std::nullopt;
    }
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::optional<std::uint64_t> limit_of(__rlimit_resource_t resource) noexcept {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return std::nullopt;
    }
    return limit.rlim_cur;
}

std::optional<std::uint64_t> open_descriptors() noexcept {
    struct stat status {};
    if (::stat(kDescriptors, &status) == 0 && status.st_size > 0) { // since Linux 6.2
        return static_cast<std::uint64_t>(status.st_size);
    }
    DIR* directory = ::opendir(kDescriptors);
    if (directory == nullptr) {
        return std::nullopt;
    }
    std::uint64_t count = 0;
    while (const dirent* entry = ::readdir(directory)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    ::closedir(directory);
    return count - 1; // that of the directory
}

// The first two fields of statm (proc(5)), in pages.
void read_memory(ProcessFigures& figures) noexcept {
    const UniqueFd fd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
    std::array<char, 128> text{};
    if (!fd || ::read(fd.get(), text.data(), text.size() - 1) <= 0) {
        return;
    }
    unsigned long long size = 0;
    unsigned long long resident = 0;
    if (std::sscanf(text.data(), "%llu %llu", &size, &resident) == 2) { // NOLINT: two numbers
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        figures.virtual_memory = size * page;
        figures.resident_memory = resident * page;
    }
}

} // namespace

ProcessFigures read_process_figures() noexcept {
    ProcessFigures figures;
    figures.cpu_seconds = cpu_time();
    figures.open_fds = open_descriptors();
    figures.max_fds = limit_of(RLIMIT_NOFILE);
    figures.max_virtual_memory = limit_of(RLIMIT_AS);
    read_memory(figures);
    return figures;
}

} // namespace echod
