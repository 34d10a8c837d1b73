// SPDX-License-Identifier: MIT
//
// The service manager stores the connections in two pieces: their descriptors, in flight in a
// datagram socket, and their state, in a sealed file. One entry in its store for each connection
// would take it time quadratic in their number.
#include "server/loop/restart.hpp"

#include "base/sys_error.hpp"
#include "net/fd_passing.hpp"
#include "server/config/writer.hpp"
#include "server/handover/matching.hpp"
#include "server/handover/state_codec.hpp"
#include "server/handover/state_file.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace echod {

namespace {

std::string describe_send_error(int error) {
    std::string name = describe_errno(error);
    switch (error) {
    case ETOOMANYREFS:
        return name + ": LimitNOFILE= limits the descriptors in flight";
    case EAGAIN:
        return name + ": the send buffer is full; net.core.wmem_max limits its size";
    default:
        return name;
    }
}

} // namespace

bool store_connections(const ConfiguredParts& parts, const Config& config, TimePoint now,
                       Duration limit) {
    parts.acceptor.admit_held(now);
    std::vector<ParkedConnection> parked;
    std::vector<int> fds;
    parts.clients.park(now, parked, fds);
    auto [near, far] = datagram_pair();
    const auto [sent, error] = send_descriptors(near.get(), fds);
    if (sent == 0 && !fds.empty()) {
        throw std::runtime_error("the descriptors cannot be sent: " + describe_send_error(error));
    }
    HandoverFds handover_fds{std::move(far),
                             make_state_file(format_config(config), std::span(parked).first(sent))};
    if (!parts.service.store(std::move(handover_fds), parts.acceptor.listeners(),
                             Clock::now() + limit)) {
        return false;
    }
    if (!peer_is_open(near.get())) {
        throw std::runtime_error("the service manager did not store the connections; is "
                                 "FileDescriptorStoreMax= set in the unit, and large enough?");
    }
    if (sent < fds.size()) {
        parts.log->error("handover: {} of {} connections are lost: {}", fds.size() - sent,
                         fds.size(), describe_send_error(error));
    }
    parts.clients.close_handed_over(sent);
    return true;
}

void restore_connections(HandoverFds handover_fds, const ConfiguredParts& parts, TimePoint now) {
    std::size_t count = 0;
    try {
        ReceivedDescriptors received = receive_descriptors(handover_fds.connections.get());
        count = received.fds.size();
        const StateFile file(handover_fds.state.get());
        const ParkedState state = decode_state(file.bytes());
        count = std::max(count, state.connections.size());
        MatchedConnections matched = match_descriptors(state.connections, std::move(received));
        const std::size_t failed = parts.clients.restore(matched.connections, matched.fds, now);
        const std::size_t restored = matched.connections.size() - failed;
        parts.acceptor.stop_watching_if_full();
        parts.log->info("restored {} connections of the old process", restored);
        if (restored != count) {
            parts.log->error("{} connections could not be restored and were closed",
                             count - restored);
        }
    } catch (const std::exception& error) { // std::bad_alloc included
        parts.log->error(
            "{} connections were closed: the state of the old process cannot be read: {}", count,
            error.what());
    }
}

} // namespace echod
