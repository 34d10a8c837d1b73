// SPDX-License-Identifier: MIT
// Fixed data of the tests of client/statistics.
#pragma once

#include <vector>

inline const std::vector<double> kBefore = {101.2, 98.7, 103.4, 99.9, 100.5, 97.8};
inline const std::vector<double> kAfter = {112.1, 108.4, 119.9, 110.2, 107.7, 104.3};

// 60 runs of one echod, one after the other, on a machine that other programs used as well:
// echoload repeat --runs 60 --pause 100ms -c 10 -d 500ms. Messages per second, and p99 in us.
inline const std::vector<double> kRecordedRate = {
    65330, 72244, 77200, 39878, 60490, 80304, 79112, 65330, 65354, 64994, 101254, 61746,
    93000, 76982, 64300, 49968, 52084, 33506, 40256, 52202, 53670, 47142, 70312,  53262,
    55670, 51842, 54710, 40774, 55524, 47478, 43872, 39744, 56240, 74696, 47268,  44420,
    54086, 53494, 52228, 69462, 53810, 52046, 54648, 52112, 46558, 43108, 53086,  49414,
    52668, 54384, 52432, 27124, 39690, 50968, 25418, 25604, 73394, 52446, 54008,  53190};
inline const std::vector<double> kRecordedP99 = {
    270,  244,  198,  4334, 306,  199,  199,  254,  248,  322,  172,  324,  228,  230,  1895,
    3650, 3185, 8163, 4194, 3107, 3355, 7328, 197,  3660, 3918, 3154, 2972, 8016, 3158, 6554,
    6201, 6509, 2750, 186,  7389, 5075, 3502, 3201, 2916, 202,  3217, 2898, 3148, 3099, 3633,
    5681, 3144, 3752, 3414, 3176, 3131, 8823, 6160, 3744, 8200, 8053, 211,  3336, 3373, 3373};
