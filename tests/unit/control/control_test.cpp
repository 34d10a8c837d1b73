// SPDX-License-Identifier: MIT
#include "../temporary_directory.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"
#include "server/control/control_socket.hpp"
#include "server/control/query.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <utility>
#include <vector>

using namespace echod;
using namespace std::chrono_literals;

namespace {

// Called once, after the next bind(2).
std::function<void()> after_bind;

} // namespace

// The program's own bind(2): what another process does right after it is done here.
// NOLINTNEXTLINE(readability-identifier-naming): libc's name
extern "C" int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
    const auto result = static_cast<int>(::syscall(SYS_bind, fd, address, length));
    if (const auto hook = std::exchange(after_bind, nullptr)) {
        hook();
    }
    return result;
}

namespace {

// A control socket in its own directory, with a clock that the test sets.
class ControlTest : public testing::Test {
protected:
    std::unique_ptr<ControlSocket> make() {
        return std::make_unique<ControlSocket>(epoll, 0, [this](std::string_view command) {
            ++asked;
            return ControlAnswer{command != "bad",
                                 std::string(command) + std::string(padding, '.')};
        });
    }
    UniqueFd connect() const {
        const Endpoint at = resolve_target("unix:" + path).front();
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        EXPECT_EQ(::connect(fd.get(), at.address(), at.length()), 0);
        return fd;
    }
    void iterate(ControlSocket& control) {
        std::array<epoll_event, 16> events{};
        const int n = epoll.wait(events, 10ms);
        for (int i = 0; i < n; ++i) {
            control.on_event(events[static_cast<std::size_t>(i)].data.u64, now);
        }
        control.expire(now);
    }
    ControlAnswer ask(ControlSocket& control, const std::string& command) {
        auto answer = std::async(std::launch::async,
                                 [this, command] { return query_daemon(path, command, 10s); });
        while (answer.wait_for(0s) != std::future_status::ready) {
            iterate(control);
        }
        return answer.get();
    }
    static void send_text(const UniqueFd& fd, std::string_view text) {
        ASSERT_EQ(send_some(fd.get(), std::as_bytes(std::span(text))).bytes, text.size());
    }

    TimePoint now{1h};
    const TemporaryDirectory own_directory;
    const std::filesystem::path& directory = own_directory.path();
    const std::string path = directory / "control.sock";
    Epoll epoll;
    int asked = 0;
    std::size_t padding = 0;
};

} // namespace

TEST_F(ControlTest, ACommandGetsItsAnswer) {
    const auto control = make();
    control->open(path);
    const ControlAnswer good = ask(*control, "hello");
    EXPECT_TRUE(good.ok);
    EXPECT_EQ(good.text, "hello");
    EXPECT_FALSE(ask(*control, "bad").ok);
    padding = 1'000'000; // more than the socket's buffer
    EXPECT_EQ(ask(*control, "long").text.size(), 4 + padding);
}

TEST_F(ControlTest, TheSocketIsForItsOwnerAndGroupAndIsRemovedAtTheEnd) {
    {
        const auto control = make();
        control->open(path);
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0660U);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ControlTest, AStaleSocketIsReplacedAndAServedOneIsNot) {
    {
        const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        const Endpoint at = resolve_target("unix:" + path).front();
        ASSERT_EQ(::bind(dead.get(), at.address(), at.length()), 0);
    }
    const auto control = make();
    control->open(path);
    const auto second = make();
    EXPECT_THROW(second->open(path), std::system_error);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ControlTest, AClientThatSendsNothingOrReadsNothingIsClosedAtItsDeadline) {
    padding = 1'000'000;
    const auto control = make();
    control->open(path);
    const UniqueFd silent = connect();
    const UniqueFd not_reading = connect();
    send_text(not_reading, "x\n");
    for (int i = 0; i < 10 && asked == 0; ++i) {
        iterate(*control);
    }
    ASSERT_NE(control->next_deadline(), kNever);
    now = control->next_deadline();
    control->expire(now);
    EXPECT_EQ(control->next_deadline(), kNever);
    std::byte byte{};
    EXPECT_EQ(receive(silent.get(), std::span(&byte, 1)).error, 0) << "end of file";
}

TEST_F(ControlTest, TheOldestSilentClientMakesRoom) {
    const auto control = make();
    control->open(path);
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 8; ++i) {
        silent.push_back(connect());
        iterate(*control);
        now += 1ms;
    }
    send_text(silent[0], "x"); // an incomplete command
    EXPECT_EQ(ask(*control, "late").text, "late");
    std::byte byte{};
    EXPECT_FALSE(receive(silent[0].get(), std::span(&byte, 1)).would_block());
    EXPECT_TRUE(receive(silent[1].get(), std::span(&byte, 1)).would_block());
}

TEST_F(ControlTest, AClientWhoseCommandHasArrivedDoesNotMakeRoom) {
    const auto control = make();
    control->open(path);
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(connect());
        iterate(*control);
        now += 1ms;
    }
    send_text(clients[0], "first\n");
    clients.push_back(connect());
    control->on_event(0, now); // the connection is seen before the command
    iterate(*control);
    EXPECT_EQ(asked, 1);
    std::byte byte{};
    EXPECT_EQ(receive(clients[0].get(), std::span(&byte, 1)).bytes, 1U);
    EXPECT_TRUE(receive(clients[1].get(), std::span(&byte, 1)).would_block());
}

TEST_F(ControlTest, MoreClientsThanPlacesWaitWhileAllAreAnswered) {
    padding = 1'000'000; // more than the socket's buffer
    const auto control = make();
    control->open(path);
    std::vector<UniqueFd> not_reading;
    for (int i = 0; i < 8; ++i) {
        not_reading.push_back(connect());
        send_text(not_reading.back(), "x\n");
    }
    for (int i = 0; i < 20 && asked < 8; ++i) {
        iterate(*control);
    }
    ASSERT_EQ(asked, 8);
    padding = 0;
    auto late = std::async(std::launch::async, [this] { return query_daemon(path, "late", 10s); });
    iterate(*control);
    EXPECT_EQ(asked, 8);
    not_reading.clear();
    while (late.wait_for(0s) != std::future_status::ready) {
        iterate(*control);
    }
    EXPECT_EQ(late.get().text, "late");
}

TEST_F(ControlTest, ASocketThatAnotherDaemonHasBoundSinceIsNotRemoved) {
    auto first = make();
    first->open(path);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    const auto second = make();
    second->open(path);
    first.reset();
    EXPECT_EQ(ask(*second, "hello").text, "hello");
}

TEST_F(ControlTest, OfTwoSimultaneousStartsOneFails) {
    const auto first = make();
    const auto second = make();
    std::future<bool> opened;
    after_bind = [&] { // the first socket is bound, but does not listen yet
        opened = std::async(std::launch::async, [&] {
            try {
                second->open(path);
                return true;
            } catch (const std::system_error& error) {
                EXPECT_EQ(error.code().value(), EADDRINUSE);
                return false;
            }
        });
        (void)opened.wait_for(100ms); // it must not get further, however long that is
    };
    first->open(path);
    EXPECT_FALSE(opened.get());
    EXPECT_EQ(ask(*first, "hello").text, "hello");
}

TEST_F(ControlTest, AFileBehindASymbolicLinkInsteadKeepsItsMode) {
    const std::string victim = directory / "victim";
    std::ofstream(victim).close();
    ASSERT_EQ(::chmod(victim.c_str(), 0600), 0);
    after_bind = [&] { // the owner of the directory can do so
        ASSERT_EQ(::unlink(path.c_str()), 0);
        ASSERT_EQ(::symlink(victim.c_str(), path.c_str()), 0);
    };
    {
        const auto control = make();
        control->open(path);
    }
    struct stat status {};
    ASSERT_EQ(::stat(victim.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ControlTest, TheModeOfTheSocketDoesNotDependOnTheUmask) {
    for (const mode_t mask : {0000U, 0077U}) {
        const mode_t before = ::umask(mask);
        const auto control = make();
        control->open(path);
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0660U);
        EXPECT_EQ(::umask(before), mask) << "open() must leave the umask as it was";
    }
}

TEST_F(ControlTest, ATooLongCommandEndsTheConnection) {
    const auto control = make();
    control->open(path);
    const UniqueFd fd = connect();
    send_text(fd, std::string(1000, 'x'));
    for (int i = 0; i < 3; ++i) {
        iterate(*control);
    }
    EXPECT_EQ(control->next_deadline(), kNever);
    EXPECT_EQ(asked, 0);
}

TEST_F(ControlTest, TheTimeoutAppliesIfTheBacklogOfTheDaemonIsFull) {
    const Endpoint at = resolve_target("unix:" + path).front();
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(listener.get(), at.address(), at.length()), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    std::vector<UniqueFd> waiting;
    for (bool full = false; !full;) {
        waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        full = ::connect(waiting.back().get(), at.address(), at.length()) != 0;
    }
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_THROW((void)query_daemon(path, "status", 50ms), std::runtime_error);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 50ms);
}

TEST_F(ControlTest, WithoutADaemonTheErrorNamesThePath) {
    try {
        (void)query_daemon(path, "status", 1s);
        ADD_FAILURE();
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
    }
}
