// SPDX-License-Identifier: MIT
// Connections under a random schedule: peers that send in pieces, read or do not read, half-close
// and disconnect, PROXY headers, a kernel with failing and partial calls, quotas, clock steps,
// handovers, a drain.
//
// Checked after each step: a peer has received only a prefix of its expected output, the counters
// add up, and at most one receive buffer per connection is buffered. At the end the kernel works
// normally and every peer reads: with epoll's events and the ready queue alone, every connected
// peer must get its whole output. Peers that half-closed or sent an invalid header, and in a drain
// all peers without an incomplete message, must see the end of file. This finds a state that no
// event leaves. A handover loses nothing: the same holds after it.
#include "bytes.hpp"
#include "kernel.hpp"
#include "net/network.hpp"
#include "net/socket.hpp"
#include "peer.hpp"
#include "server/clients/clients.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace {

using namespace echod;
using namespace std::chrono_literals;
using fuzz::Begin;
using fuzz::Expected;
using fuzz::Peer;
using fuzz::require;

constexpr std::size_t kMostPeers = 4;

class Schedule {
public:
    explicit Schedule(fuzz::Bytes& in) : in_(in) {
        limits_.quota_messages = 1 + in_.choice(20);
        clients_->configure(limits_, timeouts_);
        connect();
    }

    void run() {
        // Bounds the run time of any input.
        for (int steps = 0; !in_.empty() && steps < 400; ++steps) {
            step();
            check();
        }
        settle();
    }

private:
    void step() {
        switch (in_.choice(16)) {
        case 0:
        case 1:
            send_frames();
            break;
        case 2:
            send_raw();
            break;
        case 3:
        case 4:
            peer().read(in_.pair());
            break;
        case 5:
            peer().finish();
            break;
        case 6:
            peer().fd.reset();
            break;
        case 7:
            plan_faults();
            break;
        case 8:
            connect();
            break;
        case 9:
            advance(std::chrono::milliseconds(in_.pair()));
            break;
        case 10:
            reconfigure();
            break;
        case 11:
            rare();
            break;
        case 12:
            hand_over();
            break;
        case 14:
            begin_ = static_cast<Begin>(in_.choice(3)); // of new connections
            configure_proxy();
            break;
        case 15:
            send(peer(), {}); // more of the header alone
            break;
        default:
            turn();
            break;
        }
    }

    Peer& peer() { return peers_[in_.choice(static_cast<std::uint32_t>(peers_.size()))]; }

    void connect() {
        if (peers_.size() == kMostPeers || draining_) { // a drain accepts no connections
            return;
        }
        std::array<int, 2> fds{};
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) ==
                    0,
                "sockets are available");
        const int small = 1 << (12U + in_.choice(7)); // the kernel has a minimum size
        (void)::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        Peer peer;
        peer.fd.reset(fds[1]);
        peer.server_fd = fds[0];
        peer.begin = begin_;
        peer.unsent_header = fuzz::begin_of(begin_, in_);
        const auto from = parse_ip(begin_ == Begin::refused ? "192.0.2.99" : "192.0.2.10", 40112);
        if (clients_->add(UniqueFd(fds[0]), *from, now_) == 0) {
            peers_.push_back(std::move(peer));
        } else {
            require(fuzz::kernel().was_fatal, "a connection is accepted if nothing fails");
        }
        if (peers_.empty()) {
            fuzz::kernel().watch.clear();
            connect();
        }
    }

    // A piece of the header, as long as there is one; the bytes follow once it is sent.
    void send(Peer& to, std::span<const std::byte> bytes) {
        if (!to.unsent_header.empty()) {
            const std::size_t size = std::min<std::size_t>(in_.byte(), to.unsent_header.size());
            const std::size_t sent = to.send(std::span(to.unsent_header).first(size));
            to.unsent_header.erase(to.unsent_header.begin(),
                                   to.unsent_header.begin() + static_cast<std::ptrdiff_t>(sent));
        }
        if (to.unsent_header.empty()) {
            to.send(bytes);
        }
    }

    // Whole frames appended to the peer's stream; a split leaves the last one incomplete.
    void send_frames() {
        Peer& to = peer();
        const std::uint32_t count = 1 + in_.choice(64);
        const std::uint32_t size = in_.pair() % (kMaxPayload + 1);
        const std::size_t cut = in_.pair();
        std::vector<std::byte> bytes;
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::size_t at = bytes.size();
            bytes.resize(at + kHeaderSize + size, static_cast<std::byte>(++mark_));
            encode_header({mark_, size}, bytes.data() + at);
        }
        if (to.begun() != 0) { // complete the begun frame, if its header is complete
            bytes.insert(bytes.begin(), to.rest_of_frame(), std::byte{0});
        }
        if (cut < bytes.size()) {
            bytes.resize(cut);
        }
        send(to, bytes);
    }

    void send_raw() {
        Peer& to = peer();
        send(to, std::as_bytes(in_.take(in_.byte())));
    }

    void plan_faults() {
        fuzz::Kernel& kernel = fuzz::kernel();
        const std::uint32_t where = in_.choice(8);
        for (std::uint32_t count = 1 + in_.choice(6); count != 0; --count) {
            const auto fault = static_cast<fuzz::Fault>(in_.choice(fuzz::kFaults));
            if (where < 3) {
                kernel.receive.push_back(fault);
            } else if (where < 6) {
                kernel.send.push_back(fault);
            } else if (where == 6) {
                kernel.watch.push_back(fault);
            } else {
                kernel.refuse_memory.push_back(fault == fuzz::Fault::no_memory);
            }
        }
    }

    void advance(Duration step) {
        now_ += step;
        clients_->expire(now_);
        const TimePoint next = clients_->next_deadline();
        require(next > now_, "no expired deadline is left");
    }

    void reconfigure() {
        limits_.quota_messages = 1 + in_.choice(30);
        limits_.when_full = (in_.byte() & 1U) != 0 ? WhenFull::evict : WhenFull::queue;
        timeouts_.idle = std::chrono::milliseconds(in_.pair());
        timeouts_.message = std::chrono::milliseconds(in_.pair());
        timeouts_.write = std::chrono::milliseconds(in_.pair());
        clients_->configure(limits_, timeouts_);
    }

    void rare() {
        if (in_.byte() != 1) {
            return;
        }
        switch (in_.choice(2)) {
        case 0:
            if (clients_->open() != 0) {
                clients_->evict_longest_idle();
            }
            break;
        default:
            draining_ = true;
            clients_->start_drain(now_);
            break;
        }
    }

    void configure_proxy() {
        clients_->configure_proxy(begin_ == Begin::frames ? ProxyProtocol::off
                                                          : ProxyProtocol::required,
                                  {*parse_network("192.0.2.10")});
    }

    // The new process, with its own epoll, restores the connections that have not just ended.
    void hand_over() {
        if (draining_ || in_.choice(4) != 0) {
            turn();
            return;
        }
        std::vector<ParkedConnection> parked;
        std::vector<int> fds;
        clients_->park(now_, parked, fds);
        std::vector<UniqueFd> passed;
        for (const int fd : fds) {
            passed.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
            require(static_cast<bool>(passed.back()), "descriptors are available");
        }
        const std::size_t count = parked.size();
        std::vector<std::vector<std::byte>> buffers; // as in a state file
        for (ParkedConnection& one : parked) {
            buffers.emplace_back(one.buffered.begin(), one.buffered.end());
            one.buffered = buffers.back();
        }
        clients_->close_handed_over(count);
        clients_->close_all(CloseReason::stopped);
        require(clients_->buffered_bytes() == 0, "the old process has no buffers left");
        fuzz::kernel().forget_descriptors();
        clients_.reset();
        epoll_ = std::make_unique<Epoll>();
        clients_ = std::make_unique<Clients>(*epoll_, counters_);
        clients_->configure(limits_, timeouts_);
        configure_proxy();
        const std::size_t failed = clients_->restore(parked, passed, now_);
        require(failed + clients_->open() == count, "each is restored or closed");
        require(failed == 0 || fuzz::kernel().was_fatal, "all are restored if nothing fails");
    }

    void turn() {
        fuzz::kernel().make_good();
        std::array<epoll_event, 16> events{};
        const int n = epoll_->wait(events, Duration::zero());
        for (int i = 0; i < n; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            clients_->on_event(event.data.u64, event.events);
        }
        if (clients_->has_ready()) {
            clients_->serve_ready(now_);
        }
    }

    void check() const {
        std::vector<ConnectionSummary> all;
        std::vector<ConnectionSummary> none;
        clients_->summarize(kMostPeers, now_, all, none);
        std::size_t buffered = 0;
        for (const ConnectionSummary& one : all) {
            require(one.buffered <= kReceiveBuffer, "at most one receive buffer is buffered");
            buffered += one.buffered;
        }
        require(clients_->buffered_bytes() <= clients_->open() * kReceiveBuffer &&
                    clients_->buffered_bytes() >= buffered &&
                    (buffered != 0 || clients_->buffered_bytes() == 0),
                "only connections with buffered bytes have buffers");
        const Counters& c = counters_;
        require(c.accepted + c.restored == clients_->open() + c.closed_total(),
                "every connection is counted once");
        require(c.bytes_in + c.bytes_restored ==
                    c.bytes_out + c.bytes_dropped + c.bytes_parked + c.bytes_proxy + buffered,
                "every byte is counted once");
        const std::uint64_t begun = c.messages_in + c.messages_restored;
        const std::uint64_t done = c.messages_out + c.messages_dropped + c.messages_parked;
        require(c.unexpected_proxy <= c.protocol_errors, "it is a protocol error");
        require(buffered == 0 ? begun == done : begun >= done, "every message is counted once");
    }

    // The kernel works normally, every peer reads, and the clock stands still: events alone must
    // reach the end.
    void settle() {
        fuzz::Kernel& kernel = fuzz::kernel();
        const bool was_fatal = kernel.was_fatal;
        kernel.receive.clear();
        kernel.send.clear();
        kernel.watch.clear();
        kernel.refuse_memory.clear();
        for (int quiet = 0; quiet < 4; ++quiet) {
            const Counters before = counters_;
            turn();
            for (Peer& one : peers_) {
                one.read(65536);
            }
            check();
            quiet = before == counters_ && !clients_->has_ready() ? quiet : -1;
        }
        // A peer that a timeout, a failure or the drain may have disconnected gets a prefix.
        std::uint64_t cut_off = was_fatal || draining_ ? 1 : 0;
        for (const CloseReason reason :
             {CloseReason::idle_timeout, CloseReason::message_timeout, CloseReason::write_timeout,
              CloseReason::evicted, CloseReason::io_error, CloseReason::stopped}) {
            cut_off += counters_.closed[static_cast<std::size_t>(reason)];
        }
        for (const Peer& one : peers_) {
            if (!one.fd) {
                continue;
            }
            const Expected expected = one.expected();
            const bool must_end = one.finished || expected.invalid;
            if (!one.ended || cut_off == 0) {
                require(one.received.size() == expected.bytes, "no peer waits for output");
                require(one.ended == must_end, "the connection is closed exactly when it must be");
            }
            require(one.ended || one.begun() != 0 || !draining_,
                    "a drain closes finished connections");
        }
        now_ += 25h;
        for (int i = 0; i < 8 && timeouts_.idle != Duration::zero(); ++i) {
            clients_->expire(now_);
            now_ += 25h;
        }
        require(timeouts_.idle == Duration::zero() || clients_->open() == 0,
                "idle connections are closed");
        clients_->close_all(CloseReason::stopped);
        check();
    }

    fuzz::Bytes& in_;
    Config::Limits limits_;
    Config::Timeouts timeouts_;
    std::unique_ptr<Epoll> epoll_ = std::make_unique<Epoll>();
    Counters counters_;
    std::unique_ptr<Clients> clients_ = std::make_unique<Clients>(*epoll_, counters_);
    TimePoint now_{1h};
    std::vector<Peer> peers_;
    std::uint32_t mark_ = 0;
    Begin begin_ = Begin::frames;
    bool draining_ = false;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::kernel().reset();
    fuzz::Bytes in(data, size);
    std::make_unique<Schedule>(in)->run();
    return 0;
}
