// SPDX-License-Identifier: MIT
// Where connections go.
#pragma once

#include "net/address.hpp"

#include <string>
#include <vector>

namespace echoload {

/// Where connections go: a name as it was given, and every address it has.
struct Target {
    std::string name;
    std::vector<echod::Endpoint> addresses;
};

} // namespace echoload
