// The authkey: the one secret that a master, its workers and its clients share.
//
// A key file holds the key as text (a final line end is not part of it), is a regular file that only its
// owner can read, or something that is no file at all, such as a pipe.
#pragma once

#include <string>
#include <string_view>

#include "common/base/environment.h"
#include "common/base/result.h"

namespace reeve {

struct AuthkeySource {
  std::string file;          // --authkey-file, REEVE_AUTHKEY_FILE; empty: not given
  std::string key;           // REEVE_AUTHKEY itself; empty: not given. Asked after `file`
  std::string data_dir;      // DATA_DIR/authkey is the last resort
  bool on_loopback = false;  // the master can be reached from its own machine only: a short key will do
  bool is_explicit() const { return !file.empty() || !key.empty(); }
};

struct Authkey {
  std::string key;
  std::string from;   // where it was found, for people: a file name or "REEVE_AUTHKEY"
  bool made = false;  // it did not exist before
};

// What the environment says, with the default data directory.
AuthkeySource authkey_source(const Environment& environment = process_environment);

// For workers and clients. Errors: not_found (says what can be done), permission_denied, invalid_argument.
Result<Authkey> find_authkey(const AuthkeySource& source);
// For the master: as above, but makes DATA_DIR/authkey on its first start.
Result<Authkey> find_or_make_authkey(const AuthkeySource& source);

// 32 random bytes, in hex.
std::string random_authkey();
// Errors: already_exists, or unavailable with the system's reason. The file is there whole or not at all.
Result<void> write_authkey_file(const std::string& file, std::string_view key);
Result<std::string> read_authkey_file(const std::string& file, bool on_loopback = false);

}  // namespace reeve
