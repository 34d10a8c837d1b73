// SPDX-License-Identifier: MIT
#include "server/handover/state_file.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

using namespace echod;

TEST(StateFile, RefusesAFileThatIsNotSealed) {
    const UniqueFd file(::memfd_create("state", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file.get(), 100), 0);
    EXPECT_THROW(StateFile(file.get()), std::runtime_error);
    EXPECT_THROW(StateFile(-1), std::runtime_error);
}

TEST(StateFile, CannotBeChangedOnceItIsMade) {
    const UniqueFd file = make_state_file("[listen]\n", {});
    EXPECT_LT(::write(file.get(), "x", 1), 0);
    EXPECT_LT(::ftruncate(file.get(), 1), 0);
}
