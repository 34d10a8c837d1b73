// SPDX-License-Identifier: MIT
//
// The way of a byte. What arrives is received into the loop's one buffer, behind what this
// connection had kept. Whole frames there are contiguous, and an echo is the same bytes, so a run
// of them goes back with one send from where it lies. Only the rest is copied out: bytes the
// kernel did not take (owed), frames beyond the quota, and the beginning of a frame.
//
// The order in kept() is the order of the stream: first owed_ bytes on their way out, then input
// that was not served yet. While anything is owed nothing is received, so one receive buffer is
// also the most a peer that does not read can make us hold.
#include "server/connection.hpp"

#include "net/fd_passing.hpp"
#include "net/socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

namespace echod {

namespace {

// After our FIN the peer may still be sending; a close(2) with unread input would turn the FIN
// into a reset and could destroy echoes on their way. So it is read, but not for ever.
constexpr std::uint32_t kLingerBytes = 256 * 1024;

// With a quota there is no point in receiving much more than it can serve: what is beyond it has
// to be copied out. One message more than the quota lets a short read still prove "drained".
std::size_t receive_limit(const Turn& turn) noexcept {
    constexpr std::uint32_t kLeastMessages = 4;
    if (turn.quota >= turn.buffer.size() / kMaxMessage) {
        return turn.buffer.size();
    }
    return (std::max(turn.quota, kLeastMessages) + 1) * kMaxMessage;
}

} // namespace

Next Connection::serve(Turn& turn) noexcept {
    if (deadline_ == Deadline::linger) {
        return discard_input(turn);
    }
    if (owed_ != 0 && !flush_owed(turn)) {
        return reason_ == CloseReason::peer ? stall(turn) : Next::close;
    }
    if (invalid_) {
        return start_linger(turn, CloseReason::protocol_error);
    }
    const Input input = gather(turn);
    return input.failed ? Next::close : echo(turn, input);
}

// All that can be looked at in one piece: what was kept, and behind it what one recv brought.
Connection::Input Connection::gather(Turn& turn) noexcept {
    Input input{kept(), {}};
    if (kept_size_ != 0) {
        input.scan = scan_frames(input.data, turn.quota);
    }
    const bool room = kept_size_ <= turn.buffer.size() / 2;
    if (input.scan.end != ScanEnd::incomplete || !readable_ || !room) {
        return input;
    }
    const std::size_t limit = std::max(receive_limit(turn), kept_size_ + kMaxMessage) - kept_size_;
    if (kept_size_ != 0) {
        std::memcpy(turn.buffer.data(), kept_ + kept_begin_, kept_size_);
    }
    const IoResult got = receive(fd_.get(), turn.buffer.subspan(kept_size_, limit));
    if (got.error != 0 && !got.would_block()) {
        (void)fail(got.error);
        input.failed = true;
        return input;
    }
    if (got.bytes == 0) {
        readable_ = false;
        exhaust_ = false;
        peer_done_ = peer_done_ || got.error == 0;
        return input;
    }
    readable_ = got.bytes == limit || exhaust_;
    looked_ = false;
    last_activity_ = turn.now;
    bytes_received_ += got.bytes;
    turn.counters.bytes_in += got.bytes;
    input.data = turn.buffer.first(kept_size_ + got.bytes);
    input.scan = scan_frames(input.data, turn.quota);
    return input;
}

Next Connection::echo(Turn& turn, const Input& input) noexcept {
    const Scan scan = input.scan;
    std::size_t sent = 0;
    if (scan.bytes != 0) {
        turn.counters.messages_in += scan.frames;
        messages_ += scan.frames;
        const IoResult result = send_some(fd_.get(), input.data.first(scan.bytes));
        if (result.error != 0 && !result.would_block()) {
            turn.counters.messages_dropped += scan.frames;
            turn.counters.bytes_dropped += input.data.size() - kept_size_;
            return fail(result.error);
        }
        sent = result.bytes;
        last_activity_ = turn.now;
        turn.counters.bytes_out += sent;
        const std::uint32_t out =
            sent == scan.bytes ? scan.frames : frames_out(input.data.first(scan.bytes), sent);
        turn.counters.messages_out += out;
        owed_messages_ = static_cast<std::uint16_t>(scan.frames - out);
    }
    std::span<const std::byte> rest = input.data.subspan(sent);
    if (scan.end == ScanEnd::invalid) {
        // Nothing behind an invalid header can be trusted: no boundary is known any more.
        ++turn.counters.protocol_errors;
        turn.counters.bytes_dropped += input.data.size() - scan.bytes;
        invalid_ = true;
        rest = rest.first(scan.bytes - sent);
    }
    const bool new_rest = scan.bytes != 0 || deadline_ != Deadline::message;
    if (!keep(rest, turn.pool)) {
        turn.counters.bytes_dropped += rest.size();
        return fail(ENOMEM);
    }
    owed_ = static_cast<std::uint16_t>(scan.bytes - sent);
    if (owed_ != 0) {
        deadline_ = Deadline::none; // stall() starts the clock of what is owed
        ++turn.counters.stalls;
        return stall(turn);
    }
    if (invalid_) {
        return start_linger(turn, CloseReason::protocol_error);
    }
    if (scan.end != ScanEnd::incomplete || kept_size_ == 0) {
        deadline_ = Deadline::none;
    } else if (new_rest) {
        set_deadline(Deadline::message, turn.now);
    }
    return after_echo(turn, scan.end);
}

Next Connection::after_echo(Turn& turn, ScanEnd end) noexcept {
    const bool unserved = end == ScanEnd::limit && kept_size_ != 0;
    if (unserved || readable_) {
        turn.counters.quota_turns += end == ScanEnd::limit ? 1 : 0;
        return Next::more;
    }
    if (peer_done_) {
        reason_ = kept_size_ != 0 ? CloseReason::incomplete : CloseReason::peer;
        return Next::close;
    }
    if (turn.draining && kept_size_ == 0) {
        return start_linger(turn, CloseReason::drained);
    }
    return Next::wait_input;
}

// True when nothing is owed any more. False and reason_ untouched: the kernel took what it could.
bool Connection::flush_owed(Turn& turn) noexcept {
    const IoResult result = send_some(fd_.get(), kept().first(owed_));
    if (result.error != 0) {
        if (!result.would_block()) {
            (void)fail(result.error);
        }
        return false;
    }
    count_out(result.bytes, turn.counters);
    turn.counters.bytes_out += result.bytes;
    looked_ = false;
    last_activity_ = turn.now;
    kept_begin_ = static_cast<std::uint16_t>(kept_begin_ + result.bytes);
    kept_size_ = static_cast<std::uint16_t>(kept_size_ - result.bytes);
    owed_ = static_cast<std::uint16_t>(owed_ - result.bytes);
    if (owed_ != 0) {
        deadline_ = Deadline::none; // it reads: stall() starts the clock anew
        return false;
    }
    deadline_ = Deadline::none;
    if (kept_size_ == 0) {
        release(turn.pool);
    }
    return true;
}

// Of whole frames `sent` bytes go out: how many are out whole. Notes where the next one ends.
std::uint32_t Connection::frames_out(std::span<const std::byte> frames, std::size_t sent) noexcept {
    const Scan out = scan_frames(frames.first(sent), Turn::kNoQuota);
    const std::size_t begun = sent - out.bytes;
    owed_begun_ = 0;
    if (begun != 0) {
        const Header header = decode_header(frames.data() + out.bytes);
        owed_begun_ = static_cast<std::uint16_t>(kHeaderSize + header.size - begun);
    }
    return out.frames;
}

// Of what is owed `sent` bytes go out.
void Connection::count_out(std::size_t sent, Counters& counters) noexcept {
    std::uint32_t out = 0;
    if (sent == owed_) {
        out = owed_messages_;
        owed_begun_ = 0;
    } else if (sent < owed_begun_) {
        owed_begun_ = static_cast<std::uint16_t>(owed_begun_ - sent);
    } else {
        const std::size_t begun = owed_begun_;
        out = (begun != 0 ? 1U : 0U) + frames_out(kept().first(owed_).subspan(begun), sent - begun);
    }
    counters.messages_out += out;
    owed_messages_ = static_cast<std::uint16_t>(owed_messages_ - out);
}

Next Connection::stall(Turn& turn) noexcept {
    if (deadline_ != Deadline::write) {
        set_deadline(Deadline::write, turn.now);
        stuck_looks_ = 0;
        unread_ = unacknowledged_bytes(fd_.get()).value_or(0);
    }
    return Next::wait_output;
}

bool Connection::peer_reads(TimePoint now) noexcept {
    if (deadline_ == Deadline::linger) {
        return false;
    }
    const bool first = deadline_ != Deadline::write && !looked_;
    looked_ = true;
    const std::uint32_t queued = unacknowledged_bytes(fd_.get()).value_or(first ? 0 : unread_);
    const std::uint32_t before = std::exchange(unread_, queued);
    if (first ? queued == 0 : queued >= before) {
        return false;
    }
    stuck_looks_ = 0;
    last_activity_ = now;
    return true;
}

bool Connection::write_is_stuck(TimePoint now) noexcept {
    const bool reads = peer_reads(now);
    deadline_since_ = now;
    return !reads && ++stuck_looks_ == kWriteLooks;
}

// Keeps `rest`, which lies in the turn's buffer or is already a part of what is kept.
bool Connection::keep(std::span<const std::byte> rest, BufferPool& pool) noexcept {
    if (rest.empty()) {
        release(pool);
        return true;
    }
    const std::less_equal<> not_after;
    if (kept_ != nullptr && not_after(kept_, rest.data()) &&
        not_after(rest.data() + rest.size(), kept_ + kept_begin_ + kept_size_)) {
        kept_begin_ = static_cast<std::uint16_t>(rest.data() - kept_);
        kept_size_ = static_cast<std::uint16_t>(rest.size());
        return true;
    }
    const bool large = rest.size() > BufferPool::kSmall;
    if (kept_ == nullptr || large != large_) {
        release(pool);
        kept_ = pool.borrow(rest.size());
        if (kept_ == nullptr) {
            return false;
        }
        large_ = large;
    }
    std::memcpy(kept_, rest.data(), rest.size());
    kept_begin_ = 0;
    kept_size_ = static_cast<std::uint16_t>(rest.size());
    return true;
}

void Connection::release(BufferPool& pool) noexcept {
    if (kept_ != nullptr) {
        pool.give_back(kept_, large_ ? kReceiveBuffer : BufferPool::kSmall);
        kept_ = nullptr;
    }
    kept_begin_ = 0;
    kept_size_ = 0;
}

Next Connection::fail(int error) noexcept {
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        reason_ = CloseReason::reset;
        break;
    case ETIMEDOUT:
    case EHOSTUNREACH: // what a router had said when the kernel gave up
    case ENETUNREACH:
        reason_ = CloseReason::unacked_timeout;
        break;
    default:
        reason_ = CloseReason::io_error;
        break;
    }
    return Next::close;
}

Next Connection::start_linger(Turn& turn, CloseReason reason) noexcept {
    reason_ = reason;
    if (peer_done_) {
        return Next::close;
    }
    ::shutdown(fd_.get(), SHUT_WR);
    set_deadline(Deadline::linger, turn.now);
    unread_ = 0;
    return discard_input(turn);
}

Next Connection::discard_input(Turn& turn) noexcept {
    if (!readable_) {
        return Next::wait_input;
    }
    const IoResult got = receive(fd_.get(), turn.buffer);
    if (got.would_block()) {
        readable_ = false;
        exhaust_ = false;
        return Next::wait_input;
    }
    turn.counters.bytes_in += got.bytes;
    turn.counters.bytes_dropped += got.bytes;
    unread_ += static_cast<std::uint32_t>(got.bytes);
    if (got.bytes == 0 || unread_ > kLingerBytes) {
        return Next::close; // end of file, an error, or enough
    }
    readable_ = got.bytes == turn.buffer.size() || exhaust_;
    return readable_ ? Next::more : Next::wait_input;
}

ParkedConnection Connection::park(TimePoint now) const {
    ParkedConnection parked;
    parked.messages = messages_;
    parked.bytes = bytes_received_;
    parked.age = now - accepted_;
    parked.idle = now - last_activity_;
    parked.message_age = deadline_ == Deadline::message ? now - deadline_since_ : Duration::zero();
    parked.owed = owed_;
    parked.owed_messages = owed_messages_;
    parked.peer_done = peer_done_;
    parked.invalid = invalid_;
    parked.kept = kept();
    parked.cookie = socket_cookie(fd_.get());
    if (deadline_ == Deadline::write) {
        parked.write_age = now - deadline_since_;
        parked.stuck_looks = stuck_looks_;
        parked.unread = unread_;
    }
    return parked;
}

bool Connection::restore(const ParkedConnection& parked, BufferPool& pool, TimePoint now) noexcept {
    if (!keep(parked.kept, pool)) {
        return false;
    }
    messages_ = parked.messages;
    bytes_received_ = parked.bytes;
    accepted_ = now - parked.age;
    last_activity_ = now - parked.idle;
    owed_ = parked.owed;
    owed_begun_ = parked.owed; // where messages end in it is not known: counted once all is out
    owed_messages_ = parked.owed_messages;
    peer_done_ = parked.peer_done;
    invalid_ = parked.invalid;
    readable_ = !peer_done_;
    exhaust_ = readable_;
    if (owed_ == 0 && kept_size_ != 0 && parked.message_age != Duration::zero()) {
        set_deadline(Deadline::message, now - parked.message_age);
    } else if (owed_ != 0 && parked.write_age != Duration::zero()) {
        set_deadline(Deadline::write, now - parked.write_age);
        stuck_looks_ = parked.stuck_looks;
        unread_ = parked.unread;
    }
    return true;
}

void Connection::close(CloseReason reason, BufferPool& pool, Counters& counters) noexcept {
    const bool parked = reason == CloseReason::parked;
    (parked ? counters.bytes_parked : counters.bytes_dropped) += kept_size_;
    (parked ? counters.messages_parked : counters.messages_dropped) += owed_messages_;
    counters.count(reason);
    if (reason == CloseReason::write_timeout) {
        set_abort_on_close(fd_.get()); // it reads nothing: don't leave the kernel to go on trying
    }
    release(pool);
    owed_ = 0;
    owed_messages_ = 0;
    fd_.reset();
}

} // namespace echod
