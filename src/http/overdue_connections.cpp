// SPDX-License-Identifier: MIT
#include "http/overdue_connections.hpp"

#include "net/address.hpp"
#include "net/fd_passing.hpp"

#include <dirent.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <utility>

namespace echod {

namespace {

struct CloseListing {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

} // namespace

void OverdueConnections::end(TimePoint now, Duration limit) {
    std::map<std::uint64_t, TimePoint> open;
    const std::unique_ptr<DIR, CloseListing> directory(::opendir("/proc/self/fd"));
    while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
        const int fd = std::atoi(&entry->d_name[0]); // NOLINT: "." and ".." are 0, no socket
        if (local_endpoint(fd).port() != port_ || peer_endpoint(fd).length() == 0) {
            continue; // of another kind, or the listening socket
        }
        const std::uint64_t cookie = socket_cookie(fd);
        const auto seen = seen_.find(cookie);
        const TimePoint since = seen == seen_.end() ? now : seen->second;
        open.emplace(cookie, since);
        if (now - since >= limit) {
            ::shutdown(fd, SHUT_RDWR);
        }
    }
    seen_ = std::move(open);
}

} // namespace echod
