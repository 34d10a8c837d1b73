// SPDX-License-Identifier: MIT
#include "client/preflight.hpp"

#include "base/sys_error.hpp"
#include "net/address.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

namespace echoload {

namespace {

// Besides the connections: the standard three, epoll, signals, wake-ups, the result, and what the
// caller may have left open.
constexpr rlim_t kOtherDescriptors = 32;

} // namespace

std::vector<Target> resolve_targets(const std::vector<std::string>& texts) {
    std::vector<Target> targets;
    for (const std::string& text : texts) {
        try {
            targets.push_back({text, echod::resolve_target(text)});
        } catch (const echod::UnresolvedHost& error) {
            throw NotPossible(error.what());
        } catch (const std::runtime_error& error) {
            throw BadTarget(error.what());
        }
    }
    return targets;
}

void reserve_descriptors(std::uint32_t connections) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "getrlimit(RLIMIT_NOFILE)");
    }
    const rlim_t needed = connections + kOtherDescriptors;
    if (needed <= limit.rlim_cur) {
        return;
    }
    if (needed > limit.rlim_max) {
        throw NotPossible(fmt::format(
            "{} connections need {} descriptors, and the hard limit is {} (RLIMIT_NOFILE): ask for "
            "at most {} connections (-c), or raise the limit (ulimit -Hn {} as root, or "
            "LimitNOFILE= of the unit)",
            connections, needed, limit.rlim_max,
            limit.rlim_max > kOtherDescriptors ? limit.rlim_max - kOtherDescriptors : 0, needed));
    }
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        echod::throw_errno(errno, "setrlimit(RLIMIT_NOFILE)");
    }
}

} // namespace echoload
