// SPDX-License-Identifier: MIT
// The records of all clients: where they live, and the tokens that name them.
#pragma once

#include "base/index_list.hpp"
#include "server/connection.hpp"
#include "server/ip_counts.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace echod {

/// Everything the server holds of one client; its places in the lists are links, not allocations.
struct Client {
    Connection connection;
    IndexLink ready;        ///< in the ready queue
    IndexLink idle;         ///< in the list by last activity
    IndexLink deadline;     ///< in the list of `listed`
    TimePoint idle_stamp{}; ///< the last activity that its place in the idle list stands for
    TimePoint
        listed_since{}; ///< deadline_since() that its place in the list of `listed` stands for
    IpCounts::Entry* ip = nullptr;
    std::uint32_t last_turn = 0;  ///< the turn in which it was served last
    std::uint32_t saved = 0;      ///< messages of its quota left over from then
    std::uint32_t generation = 0; ///< even: the slot is free; odd: in use
    Deadline listed = Deadline::none;
    bool watches_output = false; ///< EPOLLOUT was asked for
    bool exhaust = false;        ///< a short read never means "nothing left" on this socket
};

static_assert(sizeof(Client) <= 144, "an idle client costs its record and nothing else");

/// Slots in chunks, so that no record ever moves. A token is (generation, slot): an event for a
/// client that is gone finds a slot of another generation, and so nobody, even if the slot and the
/// descriptor's number were given out again within the same turn.
class ClientTable {
public:
    [[nodiscard]] Client& operator[](std::uint32_t slot) noexcept {
        return chunks_[slot / kChunk][slot % kChunk];
    }
    [[nodiscard]] const Client& operator[](std::uint32_t slot) const noexcept {
        return chunks_[slot / kChunk][slot % kChunk];
    }

    /// A free slot, now in use. Throws std::bad_alloc, and nothing has changed.
    [[nodiscard]] std::uint32_t allocate();

    /// Frees a slot: its tokens are dead from here on.
    void release(std::uint32_t slot) noexcept;

    [[nodiscard]] std::uint64_t token(std::uint32_t slot) const noexcept {
        return (std::uint64_t{(*this)[slot].generation} << 32) | slot;
    }

    /// The slot that `token` names, or kNoIndex where that client is gone.
    [[nodiscard]] std::uint32_t find(std::uint64_t token) const noexcept {
        const auto slot = static_cast<std::uint32_t>(token);
        const bool known = slot < chunks_.size() * kChunk;
        return known && (*this)[slot].generation == token >> 32 ? slot : kNoIndex;
    }

private:
    static constexpr std::uint32_t kChunk = 128;
    std::vector<std::unique_ptr<Client[]>> chunks_;
    std::vector<std::uint32_t> free_; ///< a stack: the slot used last is the one still in cache
};

} // namespace echod
