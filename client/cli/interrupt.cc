#include "client/cli/interrupt.h"

#include <csignal>

namespace reeve::cli {

namespace {

volatile std::sig_atomic_t seen = 0;

extern "C" void on_interrupt(int) { seen = 1; }

void set_handler(void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace

InterruptWatch::InterruptWatch() {
  seen = 0;
  set_handler(on_interrupt, SA_RESTART | static_cast<int>(SA_RESETHAND));
}
InterruptWatch::~InterruptWatch() { set_handler(SIG_DFL, 0); }

bool InterruptWatch::interrupted() const { return seen != 0; }

}  // namespace reeve::cli
