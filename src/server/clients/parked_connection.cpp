// SPDX-License-Identifier: MIT
#include "server/clients/parked_connection.hpp"

#include <algorithm>

namespace echod {

bool ParkedConnection::operator==(const ParkedConnection& other) const noexcept {
    return messages == other.messages && bytes == other.bytes && age == other.age &&
           idle == other.idle && message_age == other.message_age &&
           pending_out == other.pending_out && pending_messages == other.pending_messages &&
           peer_done == other.peer_done && invalid == other.invalid && cookie == other.cookie &&
           write_age == other.write_age && stalled_samples == other.stalled_samples &&
           send_queue == other.send_queue && proxy_expected == other.proxy_expected &&
           source == other.source &&
           std::equal(buffered.begin(), buffered.end(), other.buffered.begin(),
                      other.buffered.end());
}

} // namespace echod
