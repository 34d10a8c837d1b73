// SPDX-License-Identifier: MIT
//
// The path of a byte. Input is received into the loop's one buffer, behind the bytes that this
// connection has buffered. Whole frames there are contiguous, and an echo is the same bytes, so a
// run of frames is sent with one send(2) from where it was received. Only the rest is copied into
// the connection's own buffer: bytes that the kernel did not take, and an incomplete frame.
//
// buffered() is in the order of the stream: first the pending output, then an incomplete frame.
// While there is pending output nothing is received, so a peer that does not read costs
// at most one receive buffer.
#include "server/clients/connection.hpp"

#include "net/fd_passing.hpp"
#include "net/socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

namespace echod {

namespace {

// After our FIN the peer may still send. close(2) with unread input sends a reset, which destroys
// echoes that the peer has not acknowledged. So input is read and discarded: up to this limit, and
// beyond it while there are such echoes, which the linger time bounds.
constexpr std::uint32_t kLingerBytes = 256 * 1024;

} // namespace

Next Connection::serve(ServeContext& context) noexcept {
    if (deadline_ >= Deadline::linger) {
        return deadline_ == Deadline::linger ? discard_input(context) : read_proxy_header(context);
    }
    if (pending_.bytes() != 0 && !flush_pending(context)) {
        return reason_ == CloseReason::peer ? stall(context) : Next::close;
    }
    if (invalid_) {
        return start_linger(context, CloseReason::protocol_error);
    }
    const Input input = gather(context);
    return input.failed ? Next::close : echo(context, input);
}

// Receives at most `limit` bytes behind a copy of the buffered bytes. Returns false if there are
// none, or if recv(2) failed. Inline: it is
// called for every message.
inline bool Connection::receive_more(ServeContext& context, std::size_t limit,
                                     Input& input) noexcept {
    if (buffered_size_ != 0) {
        std::memcpy(context.buffer.data(), buffered_ + buffered_begin_, buffered_size_);
    }
    const IoResult got = receive(fd_.get(), context.buffer.subspan(buffered_size_, limit));
    if (got.error != 0 && !got.would_block()) {
        reason_ = end_of_input(close_reason_of(got.error), bytes_received_, buffered_size_);
        input.failed = true;
        return false;
    }
    if (got.bytes == 0) {
        readable_ = false;
        exhaust_ = false;
        peer_done_ = peer_done_ || got.error == 0;
        return false;
    }
    readable_ = got.bytes == limit || exhaust_;
    send_queue_sampled_ = false;
    last_activity_ = context.now;
    bytes_received_ += got.bytes;
    context.counters.bytes_in += got.bytes;
    input.data = context.buffer.first(buffered_size_ + got.bytes);
    return true;
}

// Returns the buffered bytes, followed by what one recv(2) returned. Nothing is received while a
// valid or invalid frame is there already, or while no input is expected. Buffered bytes above half
// of the receive buffer are frames that were pending until now: they are served first.
Connection::Input Connection::gather(ServeContext& context) noexcept {
    Input input{buffered(), {}};
    if (buffered_size_ != 0) {
        input.scan = scan_frames(input.data);
    }
    const bool room = buffered_size_ <= context.buffer.size() / 2;
    if (input.scan.end != ScanEnd::incomplete || !readable_ || !room) {
        return input;
    }
    const std::size_t limit =
        std::max(context.receive_limit, buffered_size_ + kMaxMessage) - buffered_size_;
    if (receive_more(context, limit, input)) {
        input.scan = scan_frames(input.data);
    }
    return input;
}

// Leaves the header in the buffered bytes until it is whole. It may come in any pieces, also with
// messages behind it in one piece.
Next Connection::read_proxy_header(ServeContext& context) noexcept {
    Input input{buffered(), {}};
    if (readable_ && !receive_more(context, kMaxProxyHeader - buffered_size_, input) &&
        input.failed) {
        return Next::close;
    }
    const ProxyParse parse = parse_proxy_header(input.data).parse;
    if (parse == ProxyParse::invalid || (invalid_ && !input.data.empty())) {
        ++context.counters.protocol_errors;
        context.counters.bytes_dropped += input.data.size();
        release(context.pool);
        return start_linger(context, CloseReason::protocol_error);
    }
    if (!buffer(input.data, context.pool)) {
        context.counters.bytes_dropped += input.data.size();
        return fail(ENOMEM);
    }
    return parse == ProxyParse::complete ? Next::proxied : after_echo(context);
}

ProxySource Connection::take_proxy_header(BufferPool& pool, Counters& counters) noexcept {
    const ProxyHeader header = parse_proxy_header(buffered());
    bytes_received_ -= std::min<std::uint64_t>(bytes_received_, header.size);
    counters.bytes_proxy += header.size;
    (void)buffer(buffered().subspan(header.size), pool); // cannot fail: it is in the same buffer
    deadline_ = Deadline::none;
    return header.source;
}

Next Connection::echo(ServeContext& context, const Input& input) noexcept {
    const Scan scan = input.scan;
    std::size_t sent = 0;
    if (scan.bytes != 0) {
        context.counters.messages_in += scan.frames;
        messages_ += scan.frames;
        const std::span<const std::byte> frames = input.data.first(scan.bytes);
        const IoResult result = send_some(fd_.get(), frames);
        if (result.error != 0 && !result.would_block()) {
            context.counters.messages_dropped += scan.frames;
            context.counters.bytes_dropped += input.data.size() - buffered_size_;
            return fail(result.error);
        }
        sent = result.bytes;
        last_activity_ = context.now;
        context.counters.bytes_out += sent;
        context.counters.messages_out += pending_.start(frames, scan.frames, sent);
    }
    std::span<const std::byte> rest = input.data.subspan(sent);
    if (scan.end == ScanEnd::invalid) {
        // Behind an invalid header no frame boundary is known, so the rest is dropped.
        ++context.counters.protocol_errors;
        context.counters.unexpected_proxy +=
            messages_ == 0 && looks_like_proxy_header(input.data) ? 1U : 0U;
        context.counters.bytes_dropped += input.data.size() - scan.bytes;
        invalid_ = true;
        rest = rest.first(scan.bytes - sent);
    }
    const bool new_rest = scan.bytes != 0 || deadline_ != Deadline::message;
    if (!buffer(rest, context.pool)) {
        context.counters.bytes_dropped += rest.size();
        return fail(ENOMEM);
    }
    if (pending_.bytes() != 0) {
        deadline_ = Deadline::none; // stall() starts the write deadline
        ++context.counters.stalls;
        return stall(context);
    }
    if (invalid_) {
        return start_linger(context, CloseReason::protocol_error);
    }
    if (buffered_size_ == 0) {
        deadline_ = Deadline::none;
    } else if (new_rest) {
        set_deadline(Deadline::message, context.now);
    }
    return after_echo(context);
}

Next Connection::after_echo(ServeContext& context) noexcept {
    if (readable_) {
        return Next::more;
    }
    if (peer_done_) {
        reason_ = end_of_input(CloseReason::peer, bytes_received_, buffered_size_);
        return Next::close;
    }
    if (context.draining && buffered_size_ == 0) {
        return start_linger(context, CloseReason::drained);
    }
    return Next::wait_input;
}

// Returns true if no output is pending any more. Returns false with reason_ unchanged if the kernel
// took only a part, and with another reason_ if send(2) failed.
bool Connection::flush_pending(ServeContext& context) noexcept {
    const std::span<const std::byte> pending = buffered().first(pending_.bytes());
    const IoResult result = send_some(fd_.get(), pending);
    if (result.error != 0) {
        if (!result.would_block()) {
            reason_ = close_reason_of(result.error);
        }
        return false;
    }
    context.counters.messages_out += pending_.advance(pending, result.bytes);
    context.counters.bytes_out += result.bytes;
    send_queue_sampled_ = false;
    last_activity_ = context.now;
    buffered_begin_ = static_cast<std::uint16_t>(buffered_begin_ + result.bytes);
    buffered_size_ = static_cast<std::uint16_t>(buffered_size_ - result.bytes);
    deadline_ = Deadline::none; // the peer reads: stall() starts the write deadline again
    if (pending_.bytes() != 0) {
        return false;
    }
    if (buffered_size_ == 0) {
        release(context.pool);
    }
    return true;
}

Next Connection::stall(ServeContext& context) noexcept {
    if (deadline_ != Deadline::write) {
        set_deadline(Deadline::write, context.now);
        stalled_samples_ = 0;
        send_queue_ = unacknowledged_bytes(fd_.get()).value_or(0);
    }
    return Next::wait_output;
}

bool Connection::peer_reads(TimePoint now) noexcept {
    if (deadline_ == Deadline::linger) {
        return false;
    }
    // The first sample since a byte moved has no other to compare with.
    const bool first = deadline_ != Deadline::write && !send_queue_sampled_;
    send_queue_sampled_ = true;
    const std::uint32_t queued = unacknowledged_bytes(fd_.get()).value_or(first ? 0 : send_queue_);
    const std::uint32_t before = std::exchange(send_queue_, queued);
    if (first ? queued == 0 : queued >= before) {
        return false;
    }
    stalled_samples_ = 0;
    last_activity_ = now;
    return true;
}

bool Connection::write_is_stalled(TimePoint now) noexcept {
    const bool reads = peer_reads(now);
    deadline_since_ = now;
    return !reads && ++stalled_samples_ == kWriteSamples;
}

// Makes `rest` the buffered bytes. It is in the receive buffer or a part of the buffered bytes.
// Returns false if memory is out.
bool Connection::buffer(std::span<const std::byte> rest, BufferPool& pool) noexcept {
    if (rest.empty()) {
        release(pool);
        return true;
    }
    const std::less_equal<> not_after;
    if (buffered_ != nullptr && not_after(buffered_, rest.data()) &&
        not_after(rest.data() + rest.size(), buffered_ + buffered_begin_ + buffered_size_)) {
        buffered_begin_ = static_cast<std::uint16_t>(rest.data() - buffered_);
        buffered_size_ = static_cast<std::uint16_t>(rest.size());
        return true;
    }
    const bool large = rest.size() > BufferPool::kSmall;
    if (buffered_ == nullptr || large != large_) {
        release(pool);
        buffered_ = pool.borrow(rest.size());
        if (buffered_ == nullptr) {
            return false;
        }
        large_ = large;
    }
    std::memcpy(buffered_, rest.data(), rest.size());
    buffered_begin_ = 0;
    buffered_size_ = static_cast<std::uint16_t>(rest.size());
    return true;
}

void Connection::release(BufferPool& pool) noexcept {
    if (buffered_ != nullptr) {
        pool.give_back(buffered_, large_ ? kReceiveBuffer : BufferPool::kSmall);
        buffered_ = nullptr;
    }
    buffered_begin_ = 0;
    buffered_size_ = 0;
}

Next Connection::fail(int error) noexcept {
    reason_ = close_reason_of(error);
    return Next::close;
}

Next Connection::start_linger(ServeContext& context, CloseReason reason) noexcept {
    reason_ = reason;
    if (peer_done_) {
        return Next::close;
    }
    ::shutdown(fd_.get(), SHUT_WR);
    set_deadline(Deadline::linger, context.now);
    send_queue_ = 0;
    return discard_input(context);
}

Next Connection::discard_input(ServeContext& context) noexcept {
    if (!readable_) {
        return Next::wait_input;
    }
    const IoResult got = receive(fd_.get(), context.buffer);
    if (got.would_block()) {
        readable_ = false;
        exhaust_ = false;
        return Next::wait_input;
    }
    context.counters.bytes_in += got.bytes;
    context.counters.bytes_dropped += got.bytes;
    send_queue_ += static_cast<std::uint32_t>(got.bytes);
    const bool enough =
        send_queue_ > kLingerBytes && unacknowledged_bytes(fd_.get()).value_or(0) == 0;
    if (got.bytes == 0 || enough) {
        return Next::close; // end of file, an error, or the limit is reached
    }
    readable_ = got.bytes == context.buffer.size() || exhaust_;
    return readable_ ? Next::more : Next::wait_input;
}

ParkedConnection Connection::park(TimePoint now) const {
    ParkedConnection parked;
    parked.messages = messages_;
    parked.bytes = bytes_received_;
    parked.age = now - accepted_;
    parked.idle = now - last_activity_;
    parked.proxy_expected = deadline_ == Deadline::header;
    parked.message_age = deadline_ == Deadline::message || parked.proxy_expected
                             ? now - deadline_since_
                             : Duration::zero();
    parked.pending_out = pending_.bytes();
    parked.pending_messages = pending_.messages();
    parked.peer_done = peer_done_;
    parked.invalid = invalid_;
    parked.buffered = buffered();
    parked.cookie = socket_cookie(fd_.get());
    if (deadline_ == Deadline::write) {
        parked.write_age = now - deadline_since_;
        parked.stalled_samples = stalled_samples_;
        parked.send_queue = send_queue_;
    }
    return parked;
}

bool Connection::restore(const ParkedConnection& parked, BufferPool& pool, TimePoint now) noexcept {
    if (!buffer(parked.buffered, pool)) {
        return false;
    }
    messages_ = parked.messages;
    bytes_received_ = parked.bytes;
    accepted_ = now - parked.age;
    last_activity_ = now - parked.idle;
    pending_.restore(parked.pending_out, parked.pending_messages);
    peer_done_ = parked.peer_done;
    invalid_ = parked.invalid;
    readable_ = !peer_done_;
    exhaust_ = readable_;
    if (parked.proxy_expected) {
        set_deadline(Deadline::header, now - parked.message_age);
    } else if (pending_.bytes() == 0 && buffered_size_ != 0 &&
               parked.message_age != Duration::zero()) {
        set_deadline(Deadline::message, now - parked.message_age);
    } else if (pending_.bytes() != 0 && parked.write_age != Duration::zero()) {
        set_deadline(Deadline::write, now - parked.write_age);
        stalled_samples_ = parked.stalled_samples;
        send_queue_ = parked.send_queue;
    }
    return true;
}

void Connection::close(CloseReason reason, BufferPool& pool, Counters& counters) noexcept {
    const bool parked = reason == CloseReason::parked;
    (parked ? counters.bytes_parked : counters.bytes_dropped) += buffered_size_;
    (parked ? counters.messages_parked : counters.messages_dropped) += pending_.messages();
    counters.count(reason);
    if (reason == CloseReason::write_timeout) {
        set_abort_on_close(fd_.get()); // the peer reads nothing, so the kernel need not retry
    }
    release(pool);
    pending_.clear();
    fd_.reset();
}

} // namespace echod
