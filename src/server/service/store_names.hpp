// SPDX-License-Identifier: MIT
// The names of our descriptors in the service manager's store (sd_notify(3), FDNAME=).
#pragma once

namespace echod::store_name {

inline constexpr const char* kConnections = "echod-connections";
inline constexpr const char* kState = "echod-state";
inline constexpr const char* kListener = "echod-listener";

/// The start of the name of a passed listener; the rest is the name with which it was passed.
inline constexpr const char* kPassed = "echod-passed-";

} // namespace echod::store_name
