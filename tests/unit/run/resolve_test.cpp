// SPDX-License-Identifier: MIT
#include "client/run/resolve.hpp"

#include <gtest/gtest.h>

using namespace echoload;

TEST(Resolve, ABadTargetAndAnUnknownHostAreDifferentErrors) {
    EXPECT_THROW((void)resolve_targets({"127.0.0.1:1", "nothing"}), BadTarget);
    EXPECT_THROW((void)resolve_targets({"no-such-host.invalid:1"}), NotPossible);
    EXPECT_EQ(resolve_targets({"127.0.0.1:1", "unix:/x"}).size(), 2U);
}
