// What the system is told about sockets, in either dialect. A socket that is already dead says so when it is used.
#pragma once

#include <chrono>

namespace reeve {

// A peer whose machine answers nothing for so long, or that reads nothing while there is something to read, is gone. (The
// system's own defaults notice a peer that vanished (power, cable, address translation) after two hours.)
void bound_silence(int socket, std::chrono::milliseconds longest);

// What came is acknowledged now. Python writes twice without waiting (a header and a long payload; its last word of the
// handshake and a request), and does not switch Nagle's algorithm off: its second piece comes only when the first one is
// acknowledged, which the system here would put off for 40 ms.
void acknowledge(int socket);

}  // namespace reeve
