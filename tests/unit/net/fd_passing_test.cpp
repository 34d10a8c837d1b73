// SPDX-License-Identifier: MIT
#include "net/fd_passing.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

using namespace echod;

TEST(FdPassing, EndsAtTheEndOfAStream) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    const UniqueFd near(fds[0]);
    ::close(fds[1]);
    EXPECT_TRUE(receive_descriptors(near.get()).fds.empty());
}

TEST(FdPassing, ShowsWhetherThePeerIsOpen) {
    auto [near, far] = datagram_pair();
    UniqueFd other(::dup(far.get()));
    far.reset();
    EXPECT_TRUE(peer_is_open(near.get()));
    EXPECT_EQ(send_descriptors(near.get(), std::array{near.get()}).count, 1U);
    EXPECT_TRUE(peer_is_open(near.get()));
    EXPECT_EQ(receive_descriptors(other.get()).fds.size(), 1U) << "the check sends no descriptor";
    other.reset();
    EXPECT_FALSE(peer_is_open(near.get()));
}

TEST(FdPassing, ReportsThatTheKernelLeftDescriptorsOut) {
    auto [near, far] = datagram_pair();
    const int on = 1; // credentials come first, and take the room of some
    ASSERT_EQ(::setsockopt(far.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    const std::vector<int> fds(253, near.get());
    ASSERT_EQ(send_descriptors(near.get(), fds).count, fds.size());
    const ReceivedDescriptors received = receive_descriptors(far.get());
    EXPECT_FALSE(received.complete);
    EXPECT_LT(received.fds.size(), fds.size());
    EXPECT_GT(received.fds.size(), 0U);
}

TEST(FdPassing, KeepsTheOrderOfManyDescriptorsAfterTheSenderHasClosed) {
    auto [near, far] = datagram_pair();
    std::vector<UniqueFd> files;
    std::vector<int> fds;
    for (int i = 0; i < 600; ++i) {
        files.emplace_back(::memfd_create("file", MFD_CLOEXEC));
        ASSERT_EQ(::ftruncate(files.back().get(), i), 0);
        fds.push_back(files.back().get());
    }
    EXPECT_EQ(send_descriptors(near.get(), fds).count, fds.size());
    near.reset();
    files.clear();
    const std::vector<UniqueFd> received = receive_descriptors(far.get()).fds;
    ASSERT_EQ(received.size(), 600U);
    for (std::size_t i = 0; i < received.size(); ++i) {
        struct stat status {};
        ASSERT_EQ(::fstat(received[i].get(), &status), 0);
        ASSERT_EQ(static_cast<std::size_t>(status.st_size), i);
    }
}

TEST(FdPassing, SendsMoreDescriptorsThanADefaultSendBufferHolds) {
    auto [near, far] = datagram_pair();
    const UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
    const std::vector<int> fds(100'000, file.get());
    const SentDescriptors sent = send_descriptors(near.get(), fds);
    if (sent.error == ETOOMANYREFS) {
        GTEST_SKIP() << "RLIMIT_NOFILE allows " << sent.count << " in flight";
    }
    EXPECT_EQ(sent.error, 0);
    EXPECT_EQ(sent.count, fds.size());
}

TEST(FdPassing, ReportsASocketThatIsFull) {
    auto [near, far] = datagram_pair();
    const int least = 0; // the kernel takes its least: socket(7)
    ASSERT_EQ(::setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    const UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
    const SentDescriptors sent = send_descriptors(near.get(), std::vector<int>(10'000, file.get()));
    EXPECT_EQ(sent.error, EAGAIN);
    EXPECT_GT(sent.count, 0U);
    EXPECT_EQ(receive_descriptors(far.get()).fds.size(), sent.count);
}
