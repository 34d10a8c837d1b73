// SPDX-License-Identifier: MIT
#include "client/load/loop_meter.hpp"

#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

namespace echoload {

namespace {

// The time that the calling thread was ready to run and did not: the second number of schedstat
// (proc(5)), in nanoseconds.
std::optional<Duration> run_queue_wait() noexcept {
    std::array<char, 128> text{};
    const echod::UniqueFd file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
    const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
    if (size <= 0) {
        return std::nullopt;
    }
    const std::string_view all(text.data(), static_cast<std::size_t>(size));
    const std::size_t begin = std::min(all.find(' '), all.size() - 1) + 1;
    std::int64_t waited = 0;
    const auto read = std::from_chars(all.data() + begin, all.data() + all.size(), waited);
    return read.ec == std::errc() ? std::optional(Duration(waited)) : std::nullopt;
}

// The processor time of the calling thread.
LoopUse processor_time() noexcept {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    const auto duration = [](const timeval& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    LoopUse use;
    use.user = duration(usage.ru_utime);
    use.system = duration(usage.ru_stime);
    use.waited = run_queue_wait();
    return use;
}

} // namespace

void LoopMeter::begin(TimePoint now) noexcept {
    begun_ = true;
    since_ = now;
    use_ = processor_time();
}

void LoopMeter::end(TimePoint now) noexcept {
    if (!begun_ || result_) {
        return;
    }
    const LoopUse until = processor_time();
    result_ = use_;
    result_->user = until.user - use_.user;
    result_->system = until.system - use_.system;
    result_->waited =
        use_.waited && until.waited ? std::optional(*until.waited - *use_.waited) : std::nullopt;
    result_->wall = now - since_;
}

} // namespace echoload
