// SPDX-License-Identifier: MIT
// The client's verifier: it never accepts a stream that differs from the messages sent and never
// refuses the correct one, regardless of how it is split. If it continues after a wrong echo, every
// message is counted exactly once.
#include "bytes.hpp"
#include "client/load/session.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using namespace echoload;
using namespace std::chrono_literals;

// The bytes of the session that the kernel has accepted, and how much it accepts of the next send.
std::vector<std::byte> taken;
std::size_t appetite = 0;

const Generator& generator(std::uint32_t which) {
    static const std::array<Generator, 5> kAll = {
        Generator(1, SizeLaw::parse("fixed:0")), Generator(2, SizeLaw::parse("fixed:1016")),
        Generator(3, SizeLaw::parse("uniform:0-1016")), Generator(4, SizeLaw::parse("uniform:0-9")),
        Generator(5, SizeLaw::parse("edges"))};
    return kAll[which % kAll.size()];
}

// Shared by all runs: creating its histograms takes a hundred times as long as a run.
Tally& counted() {
    static Tally tally;
    tally.messages = {};
    tally.bytes = {};
    return tally;
}

class Run {
public:
    explicit Run(fuzz::Bytes& in)
        : in_(in), generator_(generator(in.byte())), stream_(generator_.stream(in.byte())),
          continues_((in.byte() & 1U) != 0), session_(1, stream_) {
        session_.adopt(echod::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    }

    void go() {
        for (int steps = 0; !in_.empty() && !broken_ && steps < 300; ++steps) {
            now_ += 1ms;
            switch (in_.choice(4)) {
            case 0:
                session_.queue(in_.choice(8), (in_.byte() & 1U) != 0);
                break;
            case 1:
                send(in_.pair());
                break;
            case 2:
                feed(true_bytes(in_.pair()));
                break;
            default:
                feed(forged_bytes());
                break;
            }
        }
        check_counts();
    }

private:
    void send(std::size_t most) {
        std::array<std::byte, 8192> scratch{};
        const auto composed = session_.compose(generator_, scratch);
        if (composed.empty()) {
            return;
        }
        appetite = most % (composed.size() + 1);
        if (appetite != 0) {
            (void)session_.send(generator_, composed, now_, tally_);
        }
    }

    std::vector<std::byte> true_bytes(std::size_t most) const {
        const auto from = taken.begin() + static_cast<std::ptrdiff_t>(echoed_);
        const auto count =
            std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(most % 4096), taken.end() - from);
        return {from, from + count};
    }

    // Correct bytes with one fault. By chance the fault may change nothing.
    std::vector<std::byte> forged_bytes() {
        std::vector<std::byte> bytes = true_bytes(in_.pair());
        const auto at =
            bytes.begin() + static_cast<std::ptrdiff_t>(in_.pair() % (bytes.size() + 1));
        switch (in_.choice(5)) {
        case 0:
            if (at != bytes.end()) {
                *at ^= static_cast<std::byte>(in_.byte());
            }
            break;
        case 1:
            bytes.insert(at, static_cast<std::byte>(in_.byte()));
            break;
        case 2:
            if (at != bytes.end()) {
                bytes.erase(at);
            }
            break;
        case 3: { // repeats an old message
            const std::size_t from = taken.empty() ? 0 : in_.pair() % taken.size();
            const std::size_t count = std::min<std::size_t>(in_.byte(), taken.size() - from);
            const auto old = taken.begin() + static_cast<std::ptrdiff_t>(from);
            bytes.insert(bytes.end(), old, old + static_cast<std::ptrdiff_t>(count));
            break;
        }
        default:
            std::rotate(bytes.begin(), at, bytes.end());
            break;
        }
        return bytes;
    }

    void feed(const std::vector<std::byte>& bytes) {
        const ReceiveTime time{now_, true};
        VerifyState state = session_.verify(rules_, bytes, time, tally_, found_);
        if (state == VerifyState::undecided && (in_.byte() & 1U) != 0) {
            state = session_.settle(rules_, time, tally_, found_);
        }
        const auto expected = std::span(taken).subspan(echoed_);
        const bool is_true = bytes.size() <= expected.size() &&
                             std::equal(bytes.begin(), bytes.end(), expected.begin());
        if (!refused_) {
            const bool sound = state == VerifyState::ok && found_.empty();
            fuzz::require(is_true || !sound, "wrong bytes are refused");
            fuzz::require(!is_true || sound, "correct bytes are accepted");
            refused_ = !sound;
        }
        fuzz::require(state != VerifyState::failed || !found_.empty(), "a refusal has a reason");
        broken_ = state == VerifyState::failed;
        if (!refused_) {
            echoed_ += bytes.size();
        }
    }

    // Counted from the bytes alone, with the protocol's scan.
    void check_counts() {
        const auto verified = echod::scan_frames(std::span(taken).first(echoed_)).frames;
        const auto sent = echod::scan_frames(taken);
        fuzz::require(refused_ || tally_.messages.verified == verified,
                      "all received echoes are verified");
        fuzz::require(tally_.messages.verified >= verified, "no verified echo is lost");
        fuzz::require(tally_.messages.sent == sent.frames + (sent.bytes != taken.size() ? 1U : 0U),
                      "begun messages are counted as sent");
        fuzz::require(tally_.bytes.sent == taken.size(),
                      "bytes sent are those that the kernel accepted");
        if ((in_.byte() & 1U) != 0 && !broken_) {
            session_.end_of_file(rules_, {now_, true}, tally_, found_);
        }
        for (const Mismatch& wrong : found_) {
            fuzz::require(!describe(wrong).empty(), "a mismatch has a description");
        }
        session_.end(Ending::run_over, now_, 10s, tally_);
        const MessageCounts& counts = tally_.messages;
        fuzz::require(counts.sent == counts.verified + counts.wrong + counts.timed_out +
                                         counts.lost + counts.in_flight,
                      "every message is counted once");
    }

    fuzz::Bytes& in_;
    const Generator& generator_;
    std::uint64_t stream_;
    bool continues_;
    VerifyRules rules_{generator_, VerifyLevel::full, continues_, nullptr};
    std::vector<Mismatch> found_;
    Session session_;
    Tally& tally_ = counted();
    TimePoint now_{1h};
    std::size_t echoed_ = 0; ///< bytes of `taken` that were echoed
    bool refused_ = false;   ///< has received wrong bytes
    bool broken_ = false;
};

} // namespace

extern "C" ssize_t __wrap_send(int, const void* data, std::size_t size, int) {
    const auto* bytes = static_cast<const std::byte*>(data);
    const std::size_t count = std::min(appetite, size);
    taken.insert(taken.end(), bytes, bytes + count);
    return static_cast<ssize_t>(count);
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Bytes in(data, size);
    taken.clear();
    Run(in).go();
    return 0;
}
