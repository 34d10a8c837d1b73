// SPDX-License-Identifier: MIT
#include "client/run/resolve.hpp"

#include "client/run/resources.hpp"
#include "net/address.hpp"
#include "net/event_fd.hpp"

#include <poll.h>
#include <system_error>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>

namespace echoload {

namespace {

// Shared by the resolving thread and the waiting one, either of which may outlive the other.
struct Resolving {
    std::vector<std::string> texts;
    Resolution found;
    std::string bad_target;           ///< or empty
    std::atomic<bool> is_done{false}; ///< both above are written
    echod::EventFd done;              ///< signalled then
};

void resolve_all(Resolving& resolving) noexcept {
    try {
        resolving.found.targets = resolve_targets(resolving.texts);
    } catch (const BadTarget& error) {
        resolving.bad_target = error.what();
    } catch (const std::exception& error) {
        resolving.found.failure = error.what();
    }
    resolving.is_done.store(true, std::memory_order_release);
    resolving.done.signal();
}

// The first of each family comes as early as the first of the other: RFC 8305, 4.
std::vector<echod::Endpoint> alternate_families(std::vector<echod::Endpoint> addresses) {
    for (std::size_t i = 1; i < addresses.size(); ++i) {
        const int before = addresses[i - 1].family();
        const auto place = addresses.begin() + static_cast<std::ptrdiff_t>(i);
        const auto other =
            std::find_if(place, addresses.end(), [before](const echod::Endpoint& address) {
                return address.family() != before;
            });
        if (other != addresses.end()) {
            std::rotate(place, other, other + 1);
        }
    }
    return addresses;
}

} // namespace

void spread_over_addresses(std::vector<Target>& targets) {
    std::vector<Target> spread;
    for (const Target& target : targets) {
        for (const echod::Endpoint& address : target.addresses) {
            spread.push_back({target.name, {address}});
        }
    }
    targets = std::move(spread);
}

std::vector<Target> resolve_targets(const std::vector<std::string>& texts) {
    std::vector<Target> targets;
    for (const std::string& text : texts) {
        try {
            targets.push_back({text, alternate_families(echod::resolve_target(text))});
        } catch (const echod::UnresolvedHost& error) {
            throw NotPossible(error.what());
        } catch (const std::runtime_error& error) {
            throw BadTarget(error.what());
        }
    }
    return targets;
}

Resolution resolve(const std::vector<std::string>& texts, echod::SignalFd& signals) {
    const auto resolving = std::make_shared<Resolving>();
    resolving->texts = texts;
    // getaddrinfo(3) cannot be cancelled: where a signal comes first, the thread is left behind.
    try {
        std::thread([resolving] { resolve_all(*resolving); }).detach();
    } catch (const std::system_error& error) {
        Resolution none;
        none.failure = cannot_start_thread(error.code().value(), 0, 1).what();
        return none;
    }
    std::array<pollfd, 2> either = {{{resolving->done.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
    while (::poll(either.data(), either.size(), -1) < 0 && errno == EINTR) {
    }
    if (!resolving->is_done.load(std::memory_order_acquire)) {
        Resolution none;
        none.signal = signals.next().value_or(SIGINT);
        return none;
    }
    if (!resolving->bad_target.empty()) {
        throw BadTarget(resolving->bad_target);
    }
    return std::move(resolving->found);
}

} // namespace echoload
