// SPDX-License-Identifier: MIT
// Doubly linked lists threaded through the records of a table, by index instead of by pointer.
#pragma once

#include <cassert>
#include <cstdint>

namespace echod {

inline constexpr std::uint32_t kNoIndex = 0xffffffffU;

/// The links of a record in one list: 8 bytes, while two pointers take 16.
struct IndexLink {
    std::uint32_t prev = kNoIndex;
    std::uint32_t next = kNoIndex;
    /// An unlinked record points at itself; the only record of a list has no neighbours.
    [[nodiscard]] bool linked(std::uint32_t self) const noexcept { return prev != self; }
    void mark_unlinked(std::uint32_t self) noexcept { prev = next = self; }
};

/// A FIFO list of table records. `Table` has `operator[](index)`, whose result has the IndexLink
/// `Member`. Every operation is O(1); the list owns nothing.
template <class Record, IndexLink Record::*Member>
class IndexList {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == kNoIndex; }
    [[nodiscard]] std::uint32_t front() const noexcept { return head_; }
    [[nodiscard]] std::uint32_t back() const noexcept { return tail_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

    template <class Table>
    void push_back(Table& table, std::uint32_t index) noexcept {
        IndexLink& link = table[index].*Member;
        assert(!link.linked(index));
        link.prev = tail_;
        link.next = kNoIndex;
        if (tail_ == kNoIndex) {
            head_ = index;
        } else {
            (table[tail_].*Member).next = index;
        }
        tail_ = index;
        ++size_;
    }

    template <class Table>
    void remove(Table& table, std::uint32_t index) noexcept {
        IndexLink& link = table[index].*Member;
        assert(link.linked(index));
        if (link.prev == kNoIndex) {
            head_ = link.next;
        } else {
            (table[link.prev].*Member).next = link.next;
        }
        if (link.next == kNoIndex) {
            tail_ = link.prev;
        } else {
            (table[link.next].*Member).prev = link.prev;
        }
        link.mark_unlinked(index);
        --size_;
    }

    /// Removes the first record, of a list that is not empty, and returns its index.
    template <class Table>
    std::uint32_t pop_front(Table& table) noexcept {
        const std::uint32_t index = head_;
        IndexLink& link = table[index].*Member;
        head_ = link.next;
        if (head_ == kNoIndex) {
            tail_ = kNoIndex;
        } else {
            (table[head_].*Member).prev = kNoIndex;
        }
        link.mark_unlinked(index);
        --size_;
        return index;
    }

    /// The index after `index`, or kNoIndex.
    template <class Table>
    [[nodiscard]] std::uint32_t next(const Table& table, std::uint32_t index) const noexcept {
        return (table[index].*Member).next;
    }

    /// The index before `index`, or kNoIndex.
    template <class Table>
    [[nodiscard]] std::uint32_t previous(const Table& table, std::uint32_t index) const noexcept {
        return (table[index].*Member).prev;
    }

private:
    std::uint32_t head_ = kNoIndex;
    std::uint32_t tail_ = kNoIndex;
    std::uint32_t size_ = 0;
};

} // namespace echod
