// SPDX-License-Identifier: MIT
// The error of a run that is not possible.
#pragma once

#include <stdexcept>

namespace echoload {

/// The run is not possible; the text says why and what to change.
class NotPossible : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace echoload
