// SPDX-License-Identifier: MIT
#include "client/report/output_file.hpp"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

using namespace echoload;

// It cannot be opened again, and has room for less than what is written.
TEST(OutputStream, AnotherUsersTerminalDoesNotBlock) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs another user's terminal";
    }
    int ends[2] = {-1, -1};
    ASSERT_EQ(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
    const echod::UniqueFd master(ends[0]);
    const echod::UniqueFd slave(ends[1]);
    ASSERT_EQ(::fchmod(slave.get(), 0600), 0);
    ASSERT_EQ(::seteuid(65534), 0);
    const OutputStream stream(slave.get());
    ASSERT_EQ(::seteuid(0), 0);
    ssize_t size = 0;
    for (int number = 0; size >= 0 && number < 100'000; ++number) {
        size = stream.write_some("line " + std::to_string(number) + "\n");
    }
    EXPECT_EQ(size, -1);
    EXPECT_EQ(errno, EAGAIN);
}
