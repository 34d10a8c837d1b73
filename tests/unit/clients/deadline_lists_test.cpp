// SPDX-License-Identifier: MIT
#include "server/clients/activity_list.hpp"
#include "server/clients/deadline_lists.hpp"

#include <gtest/gtest.h>

using namespace echod;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kListStart{1h};

// A slot whose connection has no descriptor and was active at `active`.
std::uint32_t add(ClientTable& table, TimePoint active) {
    const std::uint32_t slot = table.allocate();
    table[slot].connection = Connection(UniqueFd(), active);
    return slot;
}

// Makes the connection one with an incomplete message that began `age` before `now`.
void begin_message(Client& client, BufferPool& pool, TimePoint now, Duration age) {
    const std::byte byte{};
    ParkedConnection parked;
    parked.message_age = age;
    parked.buffered = std::span(&byte, 1);
    ASSERT_TRUE(client.connection.restore(parked, pool, now));
}

} // namespace

TEST(ActivityList, TheFrontIsTheClientThatWasIdleLongest) {
    ClientTable table;
    ActivityList list(table);
    list.configure(30s, 0s);
    EXPECT_EQ(list.next_deadline(), kNever);
    const std::uint32_t first = add(table, kListStart);
    list.add(first, kListStart);
    const std::uint32_t second = add(table, kListStart + 1s);
    list.add(second, kListStart + 1s);
    EXPECT_EQ(list.front(), first);
    EXPECT_EQ(list.next_deadline(), kListStart + 30s);
    table[first].connection = Connection(UniqueFd(), kListStart + 2s);
    list.update(first, table[first]);
    EXPECT_EQ(list.front(), second);
    EXPECT_EQ(list.expired(kListStart + 31s - 1ns), kNoIndex);
    EXPECT_EQ(list.expired(kListStart + 31s), second);
}

TEST(ActivityList, WithinTheGranularityAClientIsNotMoved) {
    ClientTable table;
    ActivityList list(table);
    list.configure(30s, 50ms);
    const std::uint32_t first = add(table, kListStart);
    list.add(first, kListStart);
    const std::uint32_t second = add(table, kListStart);
    list.add(second, kListStart);
    table[first].connection = Connection(UniqueFd(), kListStart + 50ms);
    list.update(first, table[first]);
    EXPECT_EQ(list.front(), first);
    EXPECT_EQ(list.next_deadline(), kListStart + 50ms + 30s);
}

TEST(ActivityList, WithoutATimeoutNothingExpires) {
    ClientTable table;
    ActivityList list(table);
    list.configure(0s, 0s);
    list.add(add(table, kListStart), kListStart);
    EXPECT_EQ(list.next_deadline(), kNever);
    EXPECT_EQ(list.expired(kListStart + 1000h), kNoIndex);
}

TEST(DeadlineLists, TheMessageThatBeganFirstExpiresFirst) {
    ClientTable table;
    DeadlineLists deadlines(table);
    BufferPool pool;
    Config::Timeouts timeouts;
    timeouts.message = 10s;
    deadlines.configure(timeouts);
    EXPECT_EQ(deadlines.next_deadline(), kNever);
    const std::uint32_t older = add(table, kListStart);
    const std::uint32_t newer = add(table, kListStart);
    begin_message(table[older], pool, kListStart, 2s);
    begin_message(table[newer], pool, kListStart, 1s);
    deadlines.update(older, table[older]);
    deadlines.update(newer, table[newer]);
    EXPECT_EQ(deadlines.next_deadline(), kListStart + 8s);
    EXPECT_EQ(deadlines.expired(Deadline::message, kListStart + 8s - 1ns), kNoIndex);
    EXPECT_EQ(deadlines.expired(Deadline::message, kListStart + 8s), older);
    EXPECT_EQ(deadlines.expired(Deadline::write, kListStart + 8s), kNoIndex);
    timeouts.message = 5s;
    deadlines.configure(timeouts);
    EXPECT_EQ(deadlines.next_deadline(), kListStart + 3s)
        << "a reload applies to running deadlines";
    deadlines.remove(older, table[older]);
    EXPECT_EQ(deadlines.next_deadline(), kListStart + 4s);
    deadlines.remove(newer, table[newer]);
    EXPECT_EQ(deadlines.next_deadline(), kNever);
    Counters counters;
    for (const std::uint32_t slot : {older, newer}) {
        table[slot].connection.close(CloseReason::stopped, pool, counters);
    }
}
