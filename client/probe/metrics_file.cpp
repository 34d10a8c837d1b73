// SPDX-License-Identifier: MIT
#include "client/probe/metrics_file.hpp"

#include "base/sys_error.hpp"
#include "base/unique_fd.hpp"
#include "client/result/not_possible.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace echoload {

namespace {

constexpr mode_t kReadableByAll = 0644; // node_exporter runs as another user

// 0 or an errno.
int write_whole(const std::string& path, std::string_view text) {
    const echod::UniqueFd file(::open(
        path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kReadableByAll));
    if (!file || ::fchmod(file.get(), kReadableByAll) != 0) {
        return errno;
    }
    while (!text.empty()) {
        const ssize_t size = ::write(file.get(), text.data(), text.size());
        if (size < 0 && errno != EINTR) {
            return errno;
        }
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    return 0;
}

} // namespace

// node_exporter reads *.prom, which the file beside must not be.
MetricsFile::MetricsFile(std::string path, std::string_view text)
    : path_(std::move(path)), beside_(fmt::format("{}.{}.tmp", path_, ::getpid())) {
    replace(text);
}

void MetricsFile::replace(std::string_view text) const {
    int error = write_whole(beside_, text);
    if (error == 0 && std::rename(beside_.c_str(), path_.c_str()) != 0) {
        error = errno;
    }
    if (error != 0) {
        ::unlink(beside_.c_str());
        throw NotPossible(fmt::format("cannot write {}: {}", path_, echod::describe_errno(error)));
    }
}

} // namespace echoload
