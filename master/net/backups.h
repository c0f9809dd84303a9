// Backups: copies of the store that clients ask for, one at a time.
//
// They are written on the side thread, a piece at a time, so that questions about history have their turn in between.
// A client names a file, never a place: all of them come into one directory, and none is replaced.
//
// Owner: NativeServer.  Thread: the loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "master/store/backup.h"

namespace reeve::master {

class NativeServer;

class Backups {
 public:
  static constexpr std::size_t name_max_bytes = 128;
  static constexpr std::size_t states_max = 16;  // remembered, for the clients that still ask

  struct State {
    std::uint64_t number = 0;  // chosen by the client
    std::string file;
    std::uint64_t bytes_done = 0, bytes_total = 0;
    WallTime taken{};  // everything that was acknowledged before is in it
    bool is_finished = false;
    Result<void> result;
  };

  explicit Backups(NativeServer& server) : server_{server} {}

  // Where they go; made when it is first needed. Without it there are none.
  void set_directory(std::string dir) { dir_ = std::move(dir); }

  // Begins one, or says how the one with this number stands. `name` is that of a file in the directory, or its whole
  // path. Errors: invalid_argument, wrong_state (another one runs); and what made it fail: already_exists…
  Result<State> ask(std::uint64_t number, std::string_view name);

 private:
  struct Running;

  Result<std::string> place_of(std::string_view name) const;
  void begin(const std::shared_ptr<Running>& running);
  void advance(const std::shared_ptr<Running>& running, Result<bool> done);

  NativeServer& server_;
  std::string dir_;
  std::deque<State> states_;  // as they began; all but the last are finished
};

}  // namespace reeve::master
