// SPDX-License-Identifier: MIT
// The client's verifier: it never takes a stream that differs from what was sent, and never refuses
// the true one, however either was split; and what it goes on to read behind a wrong echo, where it
// is told to, leaves every message under one count.
#include "bytes.hpp"
#include "client/session.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using namespace echoload;
using namespace std::chrono_literals;

// What the kernel has taken of the session's bytes, and how much it will take of the next send.
std::vector<std::byte> taken;
std::size_t appetite = 0;

const Generator& generator(std::uint32_t which) {
    static const std::array<Generator, 5> kAll = {
        Generator(1, SizeLaw::parse("fixed:0")), Generator(2, SizeLaw::parse("fixed:1016")),
        Generator(3, SizeLaw::parse("uniform:0-1016")), Generator(4, SizeLaw::parse("uniform:0-9")),
        Generator(5, SizeLaw::parse("edges"))};
    return kAll[which % kAll.size()];
}

// One for all runs: to make its histograms anew takes a hundred times as long as a run.
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
          goes_on_((in.byte() & 1U) != 0), session_(1, stream_) {
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

    // True bytes with one thing wrong. By chance it may be no change at all.
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
        case 3: { // something sent long ago, once more
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
        Health health = session_.verify(verifier_, bytes, time, tally_, found_);
        if (health == Health::suspect && (in_.byte() & 1U) != 0) {
            health = session_.settle(verifier_, time, tally_, found_);
        }
        const auto owed = std::span(taken).subspan(echoed_);
        const bool is_true =
            bytes.size() <= owed.size() && std::equal(bytes.begin(), bytes.end(), owed.begin());
        if (!refused_) {
            const bool sound = health == Health::sound && found_.empty();
            fuzz::require(is_true || !sound, "what was not sent is refused");
            fuzz::require(!is_true || sound, "what was sent is accepted");
            refused_ = !sound;
        }
        fuzz::require(health != Health::broken || !found_.empty(), "a refusal says why");
        broken_ = health == Health::broken;
        if (!refused_) {
            echoed_ += bytes.size();
        }
    }

    // Counted from the bytes alone, by the protocol's own scan.
    void check_counts() {
        constexpr std::uint32_t kAll = ~std::uint32_t{0};
        const auto verified = echod::scan_frames(std::span(taken).first(echoed_), kAll).frames;
        const auto sent = echod::scan_frames(taken, kAll);
        fuzz::require(refused_ || tally_.messages.verified == verified, "verified is what came");
        fuzz::require(tally_.messages.verified >= verified, "nothing verified is forgotten");
        fuzz::require(tally_.messages.sent == sent.frames + (sent.bytes != taken.size() ? 1U : 0U),
                      "sent is what was begun");
        fuzz::require(tally_.bytes.sent == taken.size(), "bytes sent are those the kernel took");
        if ((in_.byte() & 1U) != 0 && !broken_) {
            session_.end_of_file(verifier_, {now_, true}, tally_, found_);
        }
        for (const Mismatch& wrong : found_) {
            fuzz::require(!describe(wrong).empty(), "a refusal can be told");
        }
        session_.end(Ending::run_over, now_, 10s, tally_);
        const MessageCounts& counts = tally_.messages;
        fuzz::require(counts.sent == counts.verified + counts.wrong + counts.timed_out +
                                         counts.lost + counts.in_flight,
                      "every message sent ends under one count");
    }

    fuzz::Bytes& in_;
    const Generator& generator_;
    std::uint64_t stream_;
    bool goes_on_;
    Verifier verifier_{generator_, VerifyLevel::full, goes_on_, nullptr};
    std::vector<Mismatch> found_;
    Session session_;
    Tally& tally_ = counted();
    TimePoint now_{1h};
    std::size_t echoed_ = 0; ///< bytes of taken that came back
    bool refused_ = false;   ///< something came that was not sent
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
