// SPDX-License-Identifier: MIT
#include "exporter/exposition.hpp"

#include <gtest/gtest.h>

using namespace echod;

TEST(Exposition, TheSamplesOfAFamilyStayTogether) {
    Exposition all;
    const std::string text = "# HELP a First.\n# TYPE a gauge\na 1\n"
                             "# HELP b_total Second.\n# TYPE b_total counter\n"
                             "b_total{reason=\"x\"} 2\nb_total{reason=\"y\"} 3\n";
    ASSERT_TRUE(all.add(text, "echod"));
    ASSERT_TRUE(all.add(text, "echod@1"));
    EXPECT_EQ(all.text(), "# HELP a First.\n# TYPE a gauge\n"
                          "a{instance_name=\"echod\"} 1\na{instance_name=\"echod@1\"} 1\n"
                          "# HELP b_total Second.\n# TYPE b_total counter\n"
                          "b_total{instance_name=\"echod\",reason=\"x\"} 2\n"
                          "b_total{instance_name=\"echod\",reason=\"y\"} 3\n"
                          "b_total{instance_name=\"echod@1\",reason=\"x\"} 2\n"
                          "b_total{instance_name=\"echod@1\",reason=\"y\"} 3\n");
}

TEST(Exposition, ATextThatIsNotInTheFormatAddsNothing) {
    for (const char* text :
         {"", "\n", "a 1\n", "# HELP a First.\n# TYPE a gauge\na 1", "# HELP a First.\na\n",
          "# HELP a First.\n{x=\"y\"} 1\n", "# HELP a First.\na 1\nb"}) {
        Exposition all;
        EXPECT_FALSE(all.add(text, "echod")) << text;
        EXPECT_EQ(all.text(), "") << text;
    }
}

TEST(Exposition, TheExportersOwnGaugesHaveTheirHeadOnce) {
    Exposition all;
    all.add_gauge("echod_up", "Help.", instance_label("echod"), 1);
    all.add_gauge("echod_up", "Help.", instance_label("a\"b"), 0);
    EXPECT_EQ(all.text(), "# HELP echod_up Help.\n# TYPE echod_up gauge\n"
                          "echod_up{instance_name=\"echod\"} 1\n"
                          "echod_up{instance_name=\"a\\\"b\"} 0\n");
}
