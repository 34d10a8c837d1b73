// SPDX-License-Identifier: MIT
#include "exporter/options.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

using namespace echod;

namespace {

ExporterOptions parse(std::initializer_list<const char*> arguments) {
    return parse_exporter_options(std::vector<const char*>(arguments));
}

std::string error_of(std::initializer_list<const char*> arguments) {
    try {
        (void)parse(arguments);
    } catch (const ExporterUsageError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST(ExporterOptions, AnAddressIsNumericAndHasAPort) {
    EXPECT_EQ(parse({}).host, "127.0.0.1");
    EXPECT_EQ(parse({}).port, 9807);
    EXPECT_EQ(parse({"--listen", "[::1]:0"}).host, "::1");
    EXPECT_EQ(parse({"--listen=0.0.0.0:80"}).port, 80);
    EXPECT_EQ(parse({"--listen", "9000"}).host, "127.0.0.1");
    for (const char* wrong : {"localhost:9807", "127.0.0.1:", "127.0.0.1:65536", "::1:9807", ":1",
                              "[127.0.0.1]:1", "[]:1", "x", "127.0.0.1", "127.0.0.1:-1"}) {
        EXPECT_NE(error_of({"--listen", wrong}).find("--listen: must be ADDRESS:PORT"),
                  std::string::npos)
            << wrong;
    }
}

TEST(ExporterOptions, AnInstanceIsNamedAsItsUnit) {
    EXPECT_EQ(parse({"--instance", "echod", "--instance=echod@1"}).expected,
              (std::vector<std::string>{"echod", "echod@1"}));
    for (const char* wrong : {"echod@", "echod-1", "1", "echod@a/b", "echod@a\"b"}) {
        EXPECT_NE(error_of({"--instance", wrong}).find("must be echod or echod@NAME, is"),
                  std::string::npos)
            << wrong;
    }
}

TEST(ExporterOptions, AWrongArgumentIsNamed) {
    EXPECT_EQ(error_of({"--lisen", "1"}), "unknown argument: --lisen; did you mean --listen?");
    EXPECT_EQ(error_of({"--directory"}), "--directory: its value is missing");
    EXPECT_EQ(error_of({"--directory="}), "--directory: its value must not be empty");
    EXPECT_EQ(parse({"--wrong", "--help"}).action, ExporterOptions::Action::help);
    EXPECT_EQ(parse({"--version"}).action, ExporterOptions::Action::version);
}
