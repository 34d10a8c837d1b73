// SPDX-License-Identifier: MIT
#include "client/session.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace echoload {

using echod::Endpoint;
using echod::IoResult;
using echod::UniqueFd;

Session::Session(std::uint64_t connection, std::uint64_t stream) noexcept
    : connection_(connection), stream_(stream) {}

// The port is chosen by connect(2), which knows the target: one is free where any is that is not
// in use to that very target (ip(7), IP_BIND_ADDRESS_NO_PORT).
int bind_source(int fd, const Endpoint& source) noexcept {
    const int on = 1;
    if (::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        ::bind(fd, source.address(), source.length()) != 0) {
        return errno;
    }
    return 0;
}

ConnectResult Session::connect(const Endpoint& peer, TimePoint now,
                               const Endpoint* source) noexcept {
    if (state_ != State::connecting) {
        state_ = State::connecting;
        began_ = now;
    }
    fd_.reset(::socket(peer.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) {
        return {ConnectState::failed, errno, Phase::bind};
    }
    echod::set_nodelay(fd_.get());
    if (source != nullptr) {
        if (const int error = bind_source(fd_.get(), *source); error != 0) {
            return {ConnectState::failed, error, Phase::bind};
        }
    }
    if (::connect(fd_.get(), peer.address(), peer.length()) == 0) {
        const int error = finish_connect();
        return {error == 0 ? ConnectState::up : ConnectState::failed, error};
    }
    switch (errno) {
    case EINPROGRESS:
    case EINTR: // goes on all the same: connect(2)
        return {ConnectState::pending, 0};
    case EAGAIN: // unix(7): no room in the backlog. On TCP: no free local port, tcp's EADDRNOTAVAIL
        if (peer.family() == AF_UNIX) {
            fd_.reset();
            return {ConnectState::busy, 0};
        }
        return {ConnectState::failed, EADDRNOTAVAIL};
    default:
        return {ConnectState::failed, errno};
    }
}

int Session::finish_connect() noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return errno;
    }
    if (error == 0 && connected_to_itself()) {
        return ECONNREFUSED;
    }
    if (error == 0) {
        state_ = State::up;
    }
    return error;
}

// A connect to a local port of the ephemeral range that nobody listens on may be given that very
// port as its own: TCP's simultaneous open then connects the socket to itself, and it would echo
// everything, byte for byte (RFC 9293, 3.5).
bool Session::connected_to_itself() const noexcept {
    const Endpoint local = echod::local_endpoint(fd_.get());
    if (local.family() != AF_INET && local.family() != AF_INET6) {
        return false;
    }
    const Endpoint peer = echod::peer_endpoint(fd_.get());
    return local.length() == peer.length() &&
           std::memcmp(local.address(), peer.address(), local.length()) == 0;
}

int Session::half_close(TimePoint now) noexcept {
    half_closed_ = true;
    began_ = now;
    return ::shutdown(fd_.get(), SHUT_WR) == 0 ? 0 : errno;
}

void Session::adopt(UniqueFd fd) noexcept {
    fd_ = std::move(fd);
    state_ = State::up;
}

void Session::queue(std::uint32_t count, bool measured) {
    if (count == 0) {
        return;
    }
    if (measured && measured_from_ == kNever) {
        measured_from_ = queued_;
    }
    queued_ += count;
}

void Session::wait_to_queue(TimePoint due, bool measured) {
    if (!due_times_) {
        due_times_ = std::make_unique<SequenceRing<TimePoint>>();
    }
    if (measured && measured_from_ == kNever) {
        measured_from_ = due_;
    }
    due_times_->extend(expected_, due_);
    (*due_times_)[due_++] = due;
}

std::uint64_t Session::unqueue() noexcept {
    const std::uint64_t given_back = queued_ - begun();
    queued_ = begun();
    return given_back;
}

std::span<const std::byte> Session::compose(const Generator& generator,
                                            std::span<std::byte> scratch) const noexcept {
    std::size_t used = 0;
    std::size_t skip = send_offset_;
    for (std::uint64_t sequence = sent_; sequence != queued_; ++sequence) {
        const Message message = generator.message(stream_, sequence);
        const std::size_t part = message.length() - skip;
        if (scratch.size() - used < part) {
            break;
        }
        if (skip == 0) {
            write_message(message, scratch.data() + used);
        } else {
            write_part(message, skip, scratch.subspan(used, part));
        }
        used += part;
        skip = 0;
    }
    return scratch.first(used);
}

std::span<const std::byte> Session::cut(const Generator& generator, Split split, std::uint32_t most,
                                        std::span<const std::byte> composed) const noexcept {
    if (split != Split::none) {
        return composed.first(
            next_piece(split, generator.message(stream_, sent_), send_offset_, composed.size()));
    }
    std::size_t end = 0;
    for (std::uint64_t sequence = sent_; sequence != sent_ + most && end < composed.size();
         ++sequence) {
        end += generator.message(stream_, sequence).length() - (end == 0 ? send_offset_ : 0U);
    }
    return composed.first(end);
}

IoResult Session::send(const Generator& generator, std::span<const std::byte> composed,
                       TimePoint now, Tally& tally) {
    const IoResult result = echod::send_some(fd_.get(), composed);
    if (result.error == 0) {
        tally.bytes.sent += result.bytes;
        note_sent(generator, result.bytes, now, tally);
    }
    return result;
}

void Session::note_sent(const Generator& generator, std::size_t bytes, TimePoint now,
                        Tally& tally) {
    while (bytes != 0) {
        if (send_offset_ == 0) {
            send_times_.extend(expected_, sent_);
            send_times_[sent_] = now;
            ++tally.messages.sent;
            if (sent_ >= measured_from_) {
                ++tally.messages.measured_sent;
            }
        }
        const std::size_t rest = generator.message(stream_, sent_).length() - send_offset_;
        if (bytes < rest) {
            send_offset_ = static_cast<std::uint16_t>(send_offset_ + bytes);
            return;
        }
        bytes -= rest;
        send_offset_ = 0;
        ++sent_;
    }
}

std::optional<TimePoint> Session::deadline(Duration timeout) const noexcept {
    if (state_ == State::connecting) {
        return began_ + timeout;
    }
    if (is_up() && in_flight() != 0) {
        return send_times_[expected_] + timeout;
    }
    if (half_closed_ && is_up()) {
        return began_ + timeout;
    }
    return std::nullopt;
}

void Session::end(Ending ending, TimePoint now, Duration timeout, Tally& tally) noexcept {
    fd_.reset();
    state_ = State::ended;
    count_unanswered(ending, now, timeout, tally);
    if (trouble_) {
        for (const PassedOver& message : trouble_->passed_over) {
            tally.messages.lost += message.counted ? 0U : 1U;
        }
        trouble_.reset();
    }
    sent_ = queued_ = due_ = expected_;
    send_offset_ = receive_offset_ = 0;
}

// In an open loop each of them enters the histograms at its age: they came from a schedule that
// does not ask whether the server was well. Those of a connection that broke do not, for their age
// is none: a server that resets at once would look fast. Nor do those that another one's timeout
// took along: the youngest had waited for no time at all. They are counted. In a closed loop those
// that timed out enter: the others are few.
void Session::count_unanswered(Ending ending, TimePoint now, Duration timeout,
                               Tally& tally) noexcept {
    const bool connection_gone = ending == Ending::broken || ending == Ending::timed_out;
    for (; expected_ != begun(); ++expected_) {
        const Duration age = now - send_times_[expected_];
        const bool timed_out =
            ending == Ending::given_up || (ending == Ending::timed_out && age >= timeout);
        const bool measured = expected_ >= measured_from_;
        if (ending == Ending::run_over) {
            ++tally.messages.in_flight;
        } else if (timed_out) {
            ++tally.messages.timed_out;
        } else {
            ++tally.messages.lost;
        }
        if (measured && due_times_ && connection_gone && !timed_out) {
            ++tally.messages.measured_gone;
        } else if (measured && (timed_out || due_times_)) {
            tally.service.record(age);
            if (due_times_) {
                tally.response.record(now - (*due_times_)[expected_]);
            }
        }
    }
    for (; due_times_ && expected_ != due_; ++expected_) {
        ++tally.messages.unsent;
        if (expected_ >= measured_from_ && connection_gone) {
            ++tally.messages.measured_gone;
        } else if (expected_ >= measured_from_) {
            tally.response.record(now - (*due_times_)[expected_]);
        }
    }
}

} // namespace echoload
