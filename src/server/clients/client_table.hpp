// SPDX-License-Identifier: MIT
// The records of all clients, and the tokens that identify them to epoll.
#pragma once

#include "base/index_list.hpp"
#include "server/clients/connection.hpp"
#include "server/clients/ip_counts.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace echod {

/// The record of one client. Its places in lists are links within the record, not allocations.
struct Client {
    Connection connection;
    IndexLink ready;               ///< in one of the ReadyQueues
    IndexLink activity;            ///< in the ActivityList
    IndexLink deadline;            ///< in the deadline list of `listed`
    TimePoint activity_stamp{};    ///< the activity for which it was put where it is
    TimePoint listed_since{};      ///< the deadline_since() for which it was put where it is
    IpCounts::Entry* ip = nullptr; ///< nullptr: its address is not counted
    std::uint32_t generation = 0;  ///< even: the slot is free; odd: in use
    std::uint16_t listener = 0;    ///< 0: not known yet; see SocketSurvey
    Deadline listed = Deadline::none;
    bool watches_output = false; ///< EPOLLOUT is enabled
    bool exhaust = false;        ///< a unix socket: read until EAGAIN
    bool continued = false;      ///< its last visit left more to do
    bool proxied = false;        ///< a PROXY header named its client; see ClientAddresses
    bool bulk = false;           ///< its queue is the bulk queue; see ReadyQueues
};

static_assert(sizeof(Client) <= 144, "an idle client costs its record and nothing else");

/// Records in chunks, so that no record ever moves. A token is (generation, slot). An event of a
/// closed client has a token of an older generation and is ignored, even if its slot and its
/// descriptor number are in use again.
class ClientTable {
public:
    [[nodiscard]] Client& operator[](std::uint32_t slot) noexcept {
        return chunks_[slot / kChunk][slot % kChunk];
    }
    [[nodiscard]] const Client& operator[](std::uint32_t slot) const noexcept {
        return chunks_[slot / kChunk][slot % kChunk];
    }

    /// Takes a free slot into use. Throws std::bad_alloc and then changes nothing.
    [[nodiscard]] std::uint32_t allocate();

    /// Frees a slot; its tokens are invalid from now on.
    void release(std::uint32_t slot) noexcept;

    [[nodiscard]] std::uint64_t token(std::uint32_t slot) const noexcept {
        return (std::uint64_t{(*this)[slot].generation} << 32) | slot;
    }

    /// The slot of `token`, or kNoIndex if that client is closed.
    [[nodiscard]] std::uint32_t find(std::uint64_t token) const noexcept {
        const auto slot = static_cast<std::uint32_t>(token);
        const bool known = slot < chunks_.size() * kChunk;
        return known && (*this)[slot].generation == token >> 32 ? slot : kNoIndex;
    }

private:
    static constexpr std::uint32_t kChunk = 128;
    std::vector<std::unique_ptr<Client[]>> chunks_;
    std::vector<std::uint32_t>
        free_; ///< a stack: the slot that was freed last is likely in the cache
};

} // namespace echod
