// SPDX-License-Identifier: MIT
// A source with planted decisions: limit_test.cpp checks those of within() and none of label().
#pragma once

namespace sample {

constexpr int kLimit = 10;

inline bool within(int value, bool strict) {
    if (strict && value == kLimit) {
        return false;
    }
    return value <= kLimit;
}

inline int label(int value) {
    return value > 3 ? 1 : 2;
}

} // namespace sample
