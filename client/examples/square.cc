// The classic two-queue example in a few lines: numbers go out, their squares come back.
#include <reeve/client.h>

#include <exception>
#include <iostream>
#include <ranges>

int main() {
  try {
    auto client = reeve::Client::connect();  // REEVE_MASTER and the authkey of this user
    auto pool = client.pool();

    // Every element becomes a task; workers anywhere run it; results come in order.
    for (const auto& square : pool.imap("square", std::views::iota(1, 11)))
      std::cout << square.as<long>() << ' ';
    std::cout << '\n';

    // The same, one call and one future.
    auto future = pool.apply_async("square", 12);
    std::cout << "12 * 12 = " << future.get().as<long>() << '\n';

    // A queue as any program sees it, Python's included.
    auto queue = client.queue("greetings");
    queue.put("hello");
    std::cout << queue.get().bytes << '\n';
  } catch (const std::exception& error) {
    std::cerr << "square: " << error.what() << '\n';
    return 1;
  }
}
