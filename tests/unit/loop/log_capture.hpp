// SPDX-License-Identifier: MIT
// What a piece of code logs on standard error.
#pragma once

#include "server/log/log.hpp"

#include <gtest/gtest.h>

#include <string>

/// The lines that `work(log)` logs at `level` and above.
template <class Work>
std::string logged(Work&& work, echod::LogLevel level = echod::LogLevel::info) {
    testing::internal::CaptureStderr();
    {
        echod::Log log(echod::LogTarget::stderr_stream, level);
        work(log);
    }
    return testing::internal::GetCapturedStderr();
}
