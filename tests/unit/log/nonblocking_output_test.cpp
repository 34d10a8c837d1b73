// SPDX-License-Identifier: MIT
#include "base/unique_fd.hpp"
#include "server/log/nonblocking_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h> // NOLINT(modernize-deprecated-headers): posix_openpt
#include <sys/stat.h>
#include <unistd.h>

#include <string>

using namespace echod;

namespace {

// A terminal whose output nothing reads unless the test does.
struct Terminal {
    Terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY)) {
        ::grantpt(master.get());
        ::unlockpt(master.get());
        char name[64]{};
        ::ptsname_r(master.get(), name, sizeof name);
        slave.reset(::open(name, O_RDWR | O_NOCTTY));
    }

    // Everything that was written, without the carriage returns.
    [[nodiscard]] std::string read() const {
        ::fcntl(master.get(), F_SETFL, O_NONBLOCK);
        std::string text;
        char part[4096];
        for (ssize_t n = 0; (n = ::read(master.get(), part, sizeof part)) > 0;) {
            text.append(part, static_cast<std::size_t>(n));
        }
        std::erase(text, '\r');
        return text;
    }

    UniqueFd master;
    UniqueFd slave;
};

// Writes until a line is refused; returns what was accepted.
std::string fill(NonblockingOutput& output) {
    std::string accepted;
    for (int number = 0; number < 100'000; ++number) {
        const std::string line = "line " + std::to_string(number) + "\n";
        if (!output.write(line)) {
            return accepted;
        }
        accepted += line;
    }
    ADD_FAILURE() << "never full";
    return accepted;
}

} // namespace

TEST(NonblockingOutputTest, AnUnreadTerminalRefusesLinesAndCutsNone) {
    const Terminal terminal;
    NonblockingOutput output(terminal.slave.get());
    const std::string accepted = fill(output);
    const std::string before = terminal.read();
    EXPECT_TRUE(output.write("last\n"));
    EXPECT_EQ(before + terminal.read(), accepted + "last\n");
    EXPECT_EQ(::fcntl(terminal.slave.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(NonblockingOutputTest, ATerminalThatCannotBeOpenedDoesNotBlockEither) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs another user's terminal";
    }
    const Terminal terminal;
    ASSERT_EQ(::fchmod(terminal.slave.get(), 0600), 0);
    ASSERT_EQ(::seteuid(65534), 0);
    NonblockingOutput output(terminal.slave.get());
    ASSERT_EQ(::seteuid(0), 0);
    const std::string accepted = fill(output);
    EXPECT_FALSE(output.write("refused\n"));
    EXPECT_EQ(accepted.find(terminal.read()), 0U);
}

TEST(NonblockingOutputTest, AFileKeepsTheOffsetThatItsWritersShare) {
    std::string path = testing::TempDir() + "echod-log-XXXXXX";
    const UniqueFd file(::mkstemp(path.data()));
    ASSERT_TRUE(file);
    ::unlink(path.c_str());
    NonblockingOutput output(file.get());
    EXPECT_TRUE(output.write("one\n"));
    EXPECT_EQ(::write(file.get(), "two\n", 4), 4);
    EXPECT_TRUE(output.write("three\n"));
    char text[32]{};
    EXPECT_EQ(::pread(file.get(), text, sizeof text, 0), 14);
    EXPECT_EQ(std::string(text), "one\ntwo\nthree\n");
}
