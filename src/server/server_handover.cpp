// SPDX-License-Identifier: MIT
// How the connections get from one process to the next.
#include "base/sys_error.hpp"
#include "net/fd_passing.hpp"
#include "server/matching.hpp"
#include "server/server.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

namespace echod {

namespace {

std::string why_not_all(int error) {
    std::string name = describe_errno(error);
    switch (error) {
    case ETOOMANYREFS:
        return name + ": the kernel's limit on descriptors in flight is LimitNOFILE=";
    case EAGAIN:
        return name + ": the socket that carries them is full; net.core.wmem_max bounds it";
    default:
        return name;
    }
}

} // namespace

// The connections go to the next process in two pieces that the service manager keeps meanwhile:
// their descriptors, in flight in a datagram socket, and their state, in a sealed file. One entry
// in the manager's store for each connection would take it time quadratic in their number.
void Server::hand_over() {
    if (!service_.present()) {
        log_->warn("SIGUSR2, but there is no service manager to keep the connections, ignoring");
        return;
    }
    try {
        std::vector<ParkedConnection> parked;
        std::vector<int> fds;
        clients_.park(now_, parked, fds);
        auto [near, far] = datagram_pair();
        const auto [sent, error] = send_descriptors(near.get(), fds);
        if (sent == 0 && !fds.empty()) {
            throw std::runtime_error("the kernel takes no descriptors in flight: " +
                                     why_not_all(error));
        }
        Inheritance inheritance{
            std::move(far), make_state_file(format_config(config_), std::span(parked).first(sent))};
        if (!service_.store(std::move(inheritance), acceptor_.listeners())) {
            throw std::runtime_error("the service manager did not answer");
        }
        if (!other_end_is_held(near.get())) {
            throw std::runtime_error("the service manager did not keep them; is "
                                     "FileDescriptorStoreMax= set in the unit, and large enough?");
        }
        if (sent < fds.size()) {
            log_->error("hand-over: {} of {} connections are lost: {}", fds.size() - sent,
                        fds.size(), why_not_all(error));
        }
        clients_.forget_parked(sent);
        phase_ = Phase::handed_over;
    } catch (const std::exception& failure) {
        log_->error("hand-over failed: {}; draining instead", failure.what());
        service_.empty_store();
        next_is_wanted_ = true;
        start_drain();
    }
}

void Server::take_over(Inheritance inheritance) {
    std::size_t came = 0;
    try {
        ReceivedDescriptors received = receive_descriptors(inheritance.connections.get());
        came = received.fds.size();
        const StateFile file(inheritance.state.get());
        const ParkedState state = decode_state(file.bytes());
        const std::size_t all = std::max(came, state.connections.size());
        MatchedConnections matched = match_descriptors(state.connections, std::move(received));
        const std::size_t refused =
            clients_.restore(matched.connections, matched.fds, Clock::now());
        const std::size_t restored = matched.connections.size() - refused;
        acceptor_.stop_watching_if_full();
        log_->info("took over {} connections from the process before", restored);
        if (restored != all) {
            log_->error("{} connections could not be taken over and were closed", all - restored);
        }
    } catch (const std::exception& error) { // memory may be out, too
        log_->error(
            "{} connections were closed: the state of the process before cannot be read: {}", came,
            error.what());
    }
}

} // namespace echod
