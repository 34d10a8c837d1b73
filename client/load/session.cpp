// SPDX-License-Identifier: MIT
#include "client/load/session.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace echoload {

using echod::Endpoint;
using echod::IoResult;
using echod::UniqueFd;

Session::Session(std::uint64_t connection, std::uint64_t stream) noexcept {
    messages_.connection = connection;
    messages_.stream = stream;
}

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

ConnectResult Session::connect(const Endpoint& peer, TimePoint now, const Endpoint* source,
                               PrepareSocket prepare) noexcept {
    if (state_ != State::connecting) {
        state_ = State::connecting;
        began_ = now;
    }
    fd_.reset(::socket(peer.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) {
        return {ConnectState::failed, errno, Phase::bind};
    }
    echod::set_nodelay(fd_.get());
    if (prepare != nullptr) {
        prepare(fd_.get());
    }
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
    case EINTR: // the attempt continues: connect(2)
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

// A connect to a local port of the ephemeral range without a listener may be given that very port
// as its own: TCP's simultaneous open then connects the socket to itself, and it would echo
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

void Session::add_addresses(std::vector<Mismatch>& found) const {
    for (Mismatch& wrong : found) {
        if (wrong.connection == messages_.connection && wrong.local.empty()) {
            wrong.local = echod::local_endpoint(fd_.get()).to_string();
            wrong.peer = echod::peer_endpoint(fd_.get()).to_string();
        }
    }
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
    if (measured && messages_.measured_from == MessageStream::kNever) {
        messages_.measured_from = messages_.queued;
    }
    messages_.queued += count;
}

void Session::wait_to_queue(TimePoint due, bool measured) {
    if (!messages_.due_times) {
        messages_.due_times = std::make_unique<SequenceRing<TimePoint>>();
    }
    if (measured && messages_.measured_from == MessageStream::kNever) {
        messages_.measured_from = messages_.due;
    }
    messages_.due_times->extend(messages_.expected, messages_.due);
    (*messages_.due_times)[messages_.due++] = due;
}

std::uint64_t Session::unqueue() noexcept {
    const std::uint64_t given_back = messages_.queued - messages_.begun();
    messages_.queued = messages_.begun();
    return given_back;
}

std::span<const std::byte> Session::compose(const Generator& generator,
                                            std::span<std::byte> scratch) const noexcept {
    std::size_t used = 0;
    std::size_t skip = messages_.send_offset;
    for (std::uint64_t sequence = messages_.sent; sequence != messages_.queued; ++sequence) {
        const Message message = generator.message(messages_.stream, sequence);
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
        return composed.first(next_piece(split, generator.message(messages_.stream, messages_.sent),
                                         messages_.send_offset, composed.size()));
    }
    std::size_t end = 0;
    for (std::uint64_t sequence = messages_.sent;
         sequence != messages_.sent + most && end < composed.size(); ++sequence) {
        end += generator.message(messages_.stream, sequence).length() -
               (end == 0 ? messages_.send_offset : 0U);
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
        if (messages_.send_offset == 0) {
            messages_.send_times.extend(messages_.expected, messages_.sent);
            messages_.send_times[messages_.sent] = now;
            ++tally.messages.sent;
            if (messages_.sent >= messages_.measured_from) {
                ++tally.messages.measured_sent;
            }
        }
        const std::size_t rest =
            generator.message(messages_.stream, messages_.sent).length() - messages_.send_offset;
        if (bytes < rest) {
            messages_.send_offset = static_cast<std::uint16_t>(messages_.send_offset + bytes);
            return;
        }
        bytes -= rest;
        messages_.send_offset = 0;
        ++messages_.sent;
    }
}

std::optional<TimePoint> Session::deadline(Duration timeout) const noexcept {
    if (state_ == State::connecting) {
        return began_ + timeout;
    }
    if (is_up() && messages_.in_flight() != 0) {
        return messages_.send_times[messages_.expected] + timeout;
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
    echoes_.end(tally);
    messages_.sent = messages_.queued = messages_.due = messages_.expected;
    messages_.send_offset = 0;
}

// In an open loop each unanswered message that was sent enters the histograms at its age, since the
// schedule does not depend on the state of the server. One that was never sent has no time, and is
// counted only. The messages of a connection that failed are counted
// only: a server that resets at once would look fast. The same holds for younger messages that the
// timeout of the oldest one ends, as the youngest had waited for no time at all. In a closed loop
// only the messages that timed out enter; the others are few.
void Session::count_unanswered(Ending ending, TimePoint now, Duration timeout,
                               Tally& tally) noexcept {
    const bool connection_gone = ending == Ending::broken || ending == Ending::timed_out;
    for (; messages_.expected != messages_.begun(); ++messages_.expected) {
        const Duration age = now - messages_.send_times[messages_.expected];
        const bool timed_out =
            ending == Ending::given_up || (ending == Ending::timed_out && age >= timeout);
        const bool measured = messages_.expected >= messages_.measured_from;
        const bool carried = messages_.expected >= messages_.carried_from;
        if (ending == Ending::run_over) {
            ++tally.messages.in_flight;
        } else if (timed_out) {
            ++tally.messages.timed_out;
        } else {
            ++tally.messages.lost;
        }
        if (measured && messages_.due_times && connection_gone && !timed_out) {
            ++tally.messages.measured_gone;
        } else if ((measured && messages_.due_times) || ((measured || carried) && timed_out)) {
            const MessageStream::Times times = messages_.times_of(messages_.expected);
            tally.service.record(age);
            if (messages_.due_times) {
                tally.record_response(times.due, now - times.due);
            }
            messages_.note_latency(now - times.due);
        }
    }
    for (; messages_.due_times && messages_.expected != messages_.due; ++messages_.expected) {
        ++tally.messages.unsent;
        tally.messages.measured_gone += messages_.expected >= messages_.measured_from ? 1 : 0;
    }
}

} // namespace echoload
