// SPDX-License-Identifier: MIT
#include "../temporary_directory.hpp"
#include "server/control/instances.hpp"
#include "server/control/protocol.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace echod;

namespace {

class InstancesTest : public testing::Test {
protected:
    void make(const std::string& directory, const std::string& socket) const {
        std::filesystem::create_directories(runtime / directory);
        if (!socket.empty()) {
            std::ofstream(runtime / directory / socket);
        }
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const Instance& instance : find_instances(runtime)) {
            found.push_back(instance.name);
        }
        return found;
    }

    const TemporaryDirectory own_directory;
    const std::filesystem::path& runtime = own_directory.path();
};

} // namespace

TEST_F(InstancesTest, AreFoundByTheirSocketsAndSortedByNumber) {
    for (const char* directory : {"echod-10", "echod-2", "echod-blue", "echod", "echod-0"}) {
        make(directory, "stats.sock");
    }
    EXPECT_EQ(names(),
              (std::vector<std::string>{"echod", "echod@0", "echod@2", "echod@10", "echod@blue"}));
}

TEST_F(InstancesTest, OneOfTheTwoSocketsIsEnough) {
    make("echod-1", "control.sock");
    make("echod-2", "stats.sock");
    make("echod-3", "");
    EXPECT_EQ(names(), (std::vector<std::string>{"echod@1", "echod@2"}));
}

TEST_F(InstancesTest, OtherDirectoriesAreNotInstances) {
    for (const char* directory : {"echod-", "echode", "echo", "xechod", "echod_1"}) {
        make(directory, "stats.sock");
    }
    EXPECT_TRUE(names().empty());
    EXPECT_TRUE(find_instances(runtime / "missing").empty());
}

TEST_F(InstancesTest, TheSocketsAreInTheRuntimeDirectory) {
    EXPECT_EQ(instance_named("echod", "/run").control_path, kDefaultControlPath);
    EXPECT_EQ(instance_named("echod@7", "/run").stats_path, "/run/echod-7/stats.sock");
}

TEST(StatsPath, IsBesideTheControlSocket) {
    EXPECT_EQ(stats_path("/run/echod/control.sock"), "/run/echod/stats.sock");
    EXPECT_EQ(stats_path("control.sock"), "stats.sock");
    EXPECT_EQ(stats_path("/run/my-control.sock"), "/run/my-control.sock.stats");
}
