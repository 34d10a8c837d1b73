// SPDX-License-Identifier: MIT
// The files of a result: one that cannot be written does not keep the others from being written.
#pragma once

#include "client/report/interruptions.hpp"
#include "client/result/verdict.hpp"

#include <functional>
#include <initializer_list>

namespace echoload {

/// Does each of `writes`, also where an earlier one failed or its wait was interrupted. A failure
/// is written to standard error and added to the verdict. Throws Interrupted after the last one.
void write_each(Verdict& verdict, Interruptions& interruptions,
                std::initializer_list<std::function<void()>> writes);

} // namespace echoload
