// SPDX-License-Identifier: MIT
#include "base/units.hpp"
#include "client/abuse_loop.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

// What one misbehaving connection does. Each sends valid messages of its own stream, as far as its
// mode has any, so that what comes back is verified like any other echo.

namespace echoload {

using echod::IoResult;
using echod::UniqueFd;

namespace {

// Messages in flight where the server's buffers do not set a limit before.
constexpr std::uint64_t kMostInFlight = 1024;
constexpr Duration kDribbleInterval = std::chrono::milliseconds(100);
constexpr Duration kSlowReadInterval = std::chrono::milliseconds(250);
constexpr std::size_t kSlowReadBytes = 16;
constexpr std::size_t kHalfHeader = 4;

// For those that do not read: so that the server has to wait for them soon, whatever the kernel
// would let its buffers grow to. Segments are those of an Ethernet.
void set_small_buffers(int fd) noexcept {
    const int receive = 4096;
    const int send = 32 * 1024;
    const int segment = 1448;
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

// What follows the messages that are valid: a header that says too much, or no header at all.
std::vector<std::byte> invalid_bytes(AbuseMode mode, const Message& message) {
    std::vector<std::byte> bytes;
    if (mode == AbuseMode::oversize) {
        // Every other one is too large by just one byte.
        const auto random = static_cast<std::uint32_t>(message.key);
        const std::uint32_t size =
            random % 2 == 0 ? echod::kMaxPayload + 1U : (random | 0x80000000U);
        bytes.resize(echod::kHeaderSize);
        echod::encode_header({message.type, size}, bytes.data());
    } else if (mode == AbuseMode::garbage) {
        bytes.resize(message.size);
        write_part(message, echod::kHeaderSize, bytes);
    }
    return bytes;
}

} // namespace

void AbuseLoop::open(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    const echod::Endpoint& peer = targets_[abuser.target].addresses[abuser.address];
    ++abuser.generation;
    if (abuser.phase == Phase::waiting) {
        abuser.phase = Phase::connecting;
        abuser.since = now;
        connecting_.push_back({id, abuser.attempt, now + timeout_});
    }
    UniqueFd fd(::socket(peer.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
        connect_failed(id, now);
        return;
    }
    echod::set_nodelay(fd.get());
    if (abuser.mode == AbuseMode::slow_read || abuser.mode == AbuseMode::never_read) {
        set_small_buffers(fd.get());
    }
    if (source_ && bind_source(fd.get(), source_->of(first_source_ + id)) != 0) {
        connect_failed(id, now);
        return;
    }
    const bool up = ::connect(fd.get(), peer.address(), peer.length()) == 0;
    const int error = up ? 0 : errno;
    if (error == EAGAIN && peer.family() == AF_UNIX) { // unix(7): no room in the backlog
        retries_.push_back({id, abuser.attempt, now + kConnectRetry});
        return;
    }
    if ((!up && error != EINPROGRESS && error != EINTR) ||
        epoll_.add(fd.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                   static_cast<std::uint64_t>(abuser.generation) << 32U | id) != 0) {
        connect_failed(id, now);
        return;
    }
    abuser.session.adopt(std::move(fd));
    if (up) {
        established(id, now);
    }
}

void AbuseLoop::connect_failed(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    const bool in_time = now < abuser.since + timeout_;
    if (in_time && abuser.address + 1U < targets_[abuser.target].addresses.size()) {
        ++abuser.address;
        open(id, now);
        return;
    }
    ++counts(abuser).refused;
    close(id, now);
}

void AbuseLoop::established(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    if (abuser.session.finish_connect() != 0) {
        connect_failed(id, now);
        return;
    }
    abuser.phase = Phase::open;
    abuser.since = now;
    ++counts(abuser).opened;
    Session& session = abuser.session;
    switch (abuser.mode) {
    case AbuseMode::idle:
        break;
    case AbuseMode::half_header:
        session.queue(1, false);
        (void)send_part(id, kHalfHeader, now);
        break;
    case AbuseMode::oversize:
        session.queue(1, false);
        if (!send_part(id, kAll, now)) {
            break;
        }
        [[fallthrough]];
    case AbuseMode::garbage:
        (void)echod::send_some(session.fd(), invalid_bytes(abuser.mode, first_message(abuser)));
        break;
    case AbuseMode::rst:
        session.queue(1, false);
        if (send_part(id, kAll, now)) {
            echod::set_abort_on_close(session.fd());
            close(id, now);
        }
        break;
    case AbuseMode::dribble:
    case AbuseMode::slow_read:
        act(id, now);
        break;
    case AbuseMode::never_read:
        fill(id, now);
        break;
    }
}

// The turn of those that do something now and then.
void AbuseLoop::act(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    switch (abuser.mode) {
    case AbuseMode::rst:
        open(id, now);
        return; // its next turn comes after its end
    case AbuseMode::dribble:
        if (!abuser.session.wants_to_send()) {
            abuser.session.queue(1, false);
        }
        (void)send_part(id, 1, now);
        break;
    default:
        receive(id, kSlowReadBytes, now);
        fill(id, now);
        break;
    }
    if (abuser.phase == Phase::open) {
        const Duration interval =
            abuser.mode == AbuseMode::dribble ? kDribbleInterval : kSlowReadInterval;
        due(abuser).push_back({id, abuser.attempt, now + interval});
    }
}

// Sends until the kernel takes no more.
void AbuseLoop::fill(std::uint32_t id, TimePoint now) {
    Session& session = abusers_[id].session;
    while (abusers_[id].phase == Phase::open && end_ == TimePoint::max()) {
        const std::uint64_t outstanding = session.outstanding();
        if (outstanding < kMostInFlight) {
            session.queue(static_cast<std::uint32_t>(kMostInFlight - outstanding), false);
        }
        if (!session.wants_to_send() || !send_part(id, kAll, now)) {
            return;
        }
    }
}

// Sends up to `most` bytes of what is queued. False where the kernel does not take them, or where
// the server has closed the connection.
bool AbuseLoop::send_part(std::uint32_t id, std::size_t most, TimePoint now) {
    Abuser& abuser = abusers_[id];
    const Generator& generator = generators_[index(abuser.mode)];
    const auto composed = abuser.session.compose(generator, buffer_);
    const IoResult result =
        abuser.session.send(generator, composed.first(std::min(most, composed.size())), now,
                            tallies_[index(abuser.mode)]);
    if (result.error != 0 && !result.would_block()) {
        closed_by_server(id, true, now);
    }
    return result.error == 0;
}

void AbuseLoop::receive(std::uint32_t id, std::size_t most, TimePoint now) {
    Abuser& abuser = abusers_[id];
    do {
        const auto room = std::span(buffer_).first(std::min(most, buffer_.size()));
        const IoResult result = abuser.session.receive(room);
        if (result.would_block()) {
            return;
        }
        if (result.error != 0 || result.bytes == 0) {
            closed_by_server(id, result.error != 0, now);
        } else if (!take_bytes(abuser, std::span(buffer_).first(result.bytes), now)) {
            close(id, now);
        }
    } while (abuser.phase == Phase::open && most == kAll);
}

// Whether the bytes are right so far: echoes of the valid messages, and of what follows them where
// the server returns that too.
bool AbuseLoop::take_bytes(Abuser& abuser, std::span<const std::byte> bytes, TimePoint now) {
    counts(abuser).echoed_bytes += bytes.size();
    const std::vector<std::byte> invalid = invalid_bytes(abuser.mode, first_message(abuser));
    const std::size_t valid = abuser.mode == AbuseMode::garbage ? 0
                              : invalid.empty()                 ? kAll
                                                                : first_message(abuser).length();
    const std::size_t before = abuser.received;
    abuser.received += bytes.size();
    const auto echo = bytes.first(std::min(bytes.size(), valid - std::min(valid, before)));
    const auto rest = bytes.subspan(echo.size());
    const std::size_t at = before + echo.size() - std::min(valid, before + echo.size());
    const bool returned =
        rest.size() <= invalid.size() - std::min(invalid.size(), at) &&
        std::equal(rest.begin(), rest.end(), invalid.begin() + static_cast<std::ptrdiff_t>(at));
    const Verifier verifier{generators_[index(abuser.mode)], VerifyLevel::full, true, nullptr};
    return abuser.session.verify(verifier, returned ? echo : bytes, {now, false},
                                 tallies_[index(abuser.mode)], mismatches_) != Health::broken;
}

void AbuseLoop::closed_by_server(std::uint32_t id, bool by_reset, TimePoint now) {
    Abuser& abuser = abusers_[id];
    ++(by_reset ? counts(abuser).closed_by_rst : counts(abuser).closed_by_fin);
    open_times_[index(abuser.mode)].push_back(now - abuser.since);
    close(id, now);
}

void AbuseLoop::close(std::uint32_t id, TimePoint now) {
    Abuser& abuser = abusers_[id];
    Tally& tally = tallies_[index(abuser.mode)];
    const Verifier verifier{generators_[index(abuser.mode)], VerifyLevel::full, true, nullptr};
    (void)abuser.session.settle(verifier, {now, false}, tally, mismatches_);
    counts(abuser).whole_messages += abuser.session.whole_sent();
    abuser.session.end(Ending::run_over, now, timeout_, tally);
    abuser.phase = Phase::over;
    if (abuser.mode == AbuseMode::rst && end_ == TimePoint::max()) { // and again
        abuser.session = new_session(id);
        abuser.phase = Phase::waiting;
        abuser.address = 0;
        abuser.received = 0;
        ++abuser.attempt;
        next_reset_ = std::max(now, next_reset_ + reset_spacing_); // one by one, not in bursts
        due(abuser).push_back({id, abuser.attempt, next_reset_});
    }
}

} // namespace echoload
