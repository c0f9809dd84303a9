// Real sockets on loopback for tests: a pair of connected ones, and running the loop until something is so.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <utility>

namespace reeve::test {

using boost::asio::ip::tcp;

inline tcp::endpoint any_loopback_port() { return {boost::asio::ip::address_v4::loopback(), 0}; }

// Two ends of one connection.
inline std::pair<tcp::socket, tcp::socket> socket_pair(boost::asio::io_context& io) {
  tcp::acceptor acceptor{io, any_loopback_port()};
  tcp::socket one{io};
  one.connect(acceptor.local_endpoint());
  return {std::move(one), acceptor.accept()};
}

// Runs the loop until `so()`; false when that takes longer than any healthy machine needs.
template <typename Condition>
bool run_until(boost::asio::io_context& io, Condition so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (io.stopped()) io.restart();
    io.run_one_for(std::chrono::milliseconds{100});
  }
  return true;
}

// Runs what is ready now.
inline void run_ready(boost::asio::io_context& io) {
  io.restart();
  io.poll();
}

}  // namespace reeve::test
