// Threads of the store.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace reeve::master {

// A thread that receives no signals (those are for the loop thread), named for `top -H` and debuggers.
// Pre: `name` has at most 15 characters.
std::thread start_thread(const std::string& name, std::function<void()> body);

}  // namespace reeve::master
