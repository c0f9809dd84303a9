// ClientTest: the client library against a master that does what a test wants.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "reeve/client.h"
#include "tests/unit/client/fake_master.h"

namespace reeve::client {

class ClientTest : public testing::Test {
 protected:
  std::shared_ptr<Echo> echo = std::make_shared<Echo>();
  FakeMaster master{[this](FakeMaster& self, const Received& frame) { (*echo)(self, frame); }};
};

inline wire::Done done_for(std::uint64_t request, Errc code = Errc::ok) {
  wire::Done done;
  done.set_request(request);
  if (code != Errc::ok) done.mutable_error()->set_code(static_cast<std::uint32_t>(code));
  return done;
}

}  // namespace reeve::client
