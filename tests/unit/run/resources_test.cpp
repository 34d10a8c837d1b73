// SPDX-License-Identifier: MIT
#include "../temporary_directory.hpp"
#include "client/run/resources.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

using namespace echoload;

TEST(Resources, MoreConnectionsThanTheMemoryHoldsAreRefused) {
    EXPECT_THROW(check_memory({1'000'000, 0, 65'536, 1}), NotPossible); // two terabytes
    EXPECT_NO_THROW(check_memory({10, 0, 1, 1}));
}

TEST(Resources, MoreConnectionsThanTheHardLimitOfDescriptorsAreRefused) {
    EXPECT_THROW(reserve_descriptors({4'000'000'000'000, 0, 1, 1}), NotPossible);
    EXPECT_NO_THROW(reserve_descriptors({1, 0, 1, 1}));
}

TEST(Resources, MoreThanTheControlGroupLeavesIsRefusedAndItsLimitIsNamed) {
    const TemporaryDirectory directory;
    const auto& root = directory.path();
    const auto write = [&directory](const std::string& path, const std::string& text) {
        directory.write(path, text);
    };
    const ControlGroupPlaces places{root / "proc", root / "groups"};
    const Demand demand{200, 0, 65'536, 1}; // about 420 MB
    EXPECT_NO_THROW(check_memory(demand, places));
    write("proc/" + std::to_string(::getpid()) + "/cgroup", "0::/a/b\n");
    write("groups/a/b/memory.max", "max\n");
    write("groups/a/b/memory.current", "1000\n");
    EXPECT_NO_THROW(check_memory(demand, places));
    write("groups/a/memory.max", "430000000\n");
    write("groups/a/memory.current", "400000000\n");
    write("groups/a/memory.stat", "anon 1\ninactive_file 400000000\n");
    EXPECT_NO_THROW(check_memory(demand, places)) << "the memory of files can be reclaimed";
    write("groups/a/memory.max", "40000000\n");
    try {
        check_memory(demand, places);
        ADD_FAILURE() << "it was accepted";
    } catch (const NotPossible& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find("leaves 40 MB (" + (root / "groups/a/memory.max").string()),
                  std::string::npos)
            << what;
    }
}

TEST(Resources, AThreadThatCannotBeStartedIsReportedWithTheLimitAndTheRemedy) {
    const std::string limit = cannot_start_thread(EAGAIN, 3, 8).what();
    EXPECT_EQ(limit.find("only 3 of 8 threads could be started: EAGAIN"), 0U) << limit;
    EXPECT_NE(limit.find("RLIMIT_NPROC"), std::string::npos);
    const std::string denied = cannot_start_thread(EPERM, 0, 1).what();
    EXPECT_NE(denied.find("clone3(2)"), std::string::npos) << denied;
}
