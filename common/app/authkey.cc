#include "common/app/authkey.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/app/data_dir.h"
#include "common/base/assert.h"
#include "common/net/handshake.h"

namespace reeve {
namespace {

constexpr std::size_t authkey_bytes_max = 4096;  // of a key file

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string reason() { return std::strerror(errno); }

std::string file_in(const std::string& data_dir) { return data_dir + "/authkey"; }

Result<void> check_key(std::string_view key, std::string_view from, bool on_loopback) {
  if (key.size() >= (on_loopback ? authkey_bytes_min_on_loopback : authkey_bytes_min)) return {};
  if (key.empty())
    return fail(Errc::invalid_argument, "the authkey in {} is empty (make one with: reeve keygen)", from);
  return fail(Errc::invalid_argument,
              "the authkey in {} is {} bytes long, it must have at least {} (make one with: reeve keygen); "
              "shorter ones are taken only where the master listens on loopback addresses and nowhere else",
              from, key.size(), authkey_bytes_min);
}

// Only its owner may read a key; what is no regular file (a pipe, say) has no permissions worth a look.
Result<void> check_private(int fd, const std::string& file) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return fail(Errc::unavailable, "cannot look at {}: {}", file, reason());
  if (S_ISDIR(info.st_mode))
    return fail(Errc::invalid_argument, "{} is a directory, not an authkey file", file);
  if (S_ISREG(info.st_mode) && (info.st_mode & 077) != 0)
    return fail(Errc::permission_denied,
                "others can read the authkey file {} (mode {:04o}): run chmod 600 {}", file,
                info.st_mode & 07777, file);
  return {};
}

Result<void> write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(Errc::unavailable, "{}", reason());
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return fail(Errc::unavailable, "{}", reason());
  return {};
}

Result<Authkey> key_from_file(const std::string& file, bool on_loopback) {
  auto key = read_authkey_file(file, on_loopback);
  if (!key) return fail(key.error());
  return Authkey{.key = std::move(*key), .from = file};
}

// The explicit sources; an empty `from` when there is none.
Result<Authkey> explicit_key(const AuthkeySource& source) {
  if (!source.file.empty()) return key_from_file(source.file, source.on_loopback);
  if (source.key.empty()) return Authkey{};
  const auto checked = check_key(source.key, "REEVE_AUTHKEY", source.on_loopback);
  if (!checked) return fail(checked.error());
  return Authkey{.key = source.key, .from = "REEVE_AUTHKEY"};
}

}  // namespace

AuthkeySource authkey_source(const Environment& environment) {
  return {.file = environment("REEVE_AUTHKEY_FILE").value_or(""),
          .key = environment("REEVE_AUTHKEY").value_or(""),
          .data_dir = environment("REEVE_DATA_DIR").value_or(default_data_dir(environment))};
}

Result<Authkey> find_authkey(const AuthkeySource& source) {
  auto key = explicit_key(source);
  if (!key || !key->from.empty()) return key;
  key = key_from_file(file_in(source.data_dir), source.on_loopback);
  if (!key && key.error().code == Errc::not_found)
    return fail(
        Errc::not_found,
        "no authkey: {} is not there (a master of this user makes it when it starts). Copy the master's key "
        "here and name it with --authkey-file FILE or REEVE_AUTHKEY_FILE, or set REEVE_AUTHKEY",
        file_in(source.data_dir));
  return key;
}

Result<Authkey> find_or_make_authkey(const AuthkeySource& source) {
  auto key = explicit_key(source);
  if (!key || !key->from.empty()) return key;
  const std::string file = file_in(source.data_dir);
  key = key_from_file(file, source.on_loopback);
  if (key || key.error().code != Errc::not_found) return key;
  const auto written = write_authkey_file(file, random_authkey());
  if (!written && written.error().code != Errc::already_exists) return fail(written.error());
  key = key_from_file(file, source.on_loopback);  // ours, or that of whoever was faster
  if (key) key->made = written.has_value();
  return key;
}

std::string random_authkey() {
  std::array<unsigned char, 32> bytes;
  ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "the system has no random numbers");
  std::string hex;
  for (const unsigned char byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex;
}

Result<void> write_authkey_file(const std::string& file, std::string_view key) {
  const auto dir = std::filesystem::path{file}.parent_path();
  if (!dir.empty() && !std::filesystem::exists(dir)) {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error)
      return fail(Errc::unavailable, "cannot make the directory {}: {}", dir.string(), error.message());
    std::filesystem::permissions(dir, std::filesystem::perms::owner_all, error);
  }
  // Written under another name first: whoever looks finds a whole key or none. link() never replaces a file.
  const std::string draft = fmt::format("{}.{}", file, ::getpid());
  const File out{::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!out) return fail(Errc::unavailable, "cannot write {}: {}", draft, reason());
  const auto written = write_whole(out.fd(), std::string{key} + "\n");
  const int linked = written ? ::link(draft.c_str(), file.c_str()) : -1;
  const int link_errno = errno;
  ::unlink(draft.c_str());
  if (!written) return fail(Errc::unavailable, "cannot write {}: {}", draft, written.error().detail);
  if (linked == 0) return {};
  if (link_errno == EEXIST) return fail(Errc::already_exists, "{} is there already", file);
  return fail(Errc::unavailable, "cannot make {}: {}", file, std::strerror(link_errno));
}

Result<std::string> read_authkey_file(const std::string& file, bool on_loopback) {
  const File in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!in) {
    const Errc code = errno == ENOENT || errno == ENOTDIR ? Errc::not_found
                      : errno == EACCES                   ? Errc::permission_denied
                                                          : Errc::unavailable;
    return fail(code, "cannot read the authkey file {}: {}", file, reason());
  }
  const auto is_private = check_private(in.fd(), file);
  if (!is_private) return fail(is_private.error());

  std::string key(authkey_bytes_max + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const auto got = ::read(in.fd(), key.data() + size, key.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::unavailable, "cannot read the authkey file {}: {}", file, reason());
    size += static_cast<std::size_t>(got);
    if (got == 0 || size == key.size()) break;
  }
  if (size > authkey_bytes_max)
    return fail(Errc::too_large, "{} is no authkey file: it has more than {} bytes", file, authkey_bytes_max);
  key.resize(size);
  if (key.ends_with('\n')) key.pop_back();
  if (key.ends_with('\r')) key.pop_back();
  const auto checked = check_key(key, file, on_loopback);
  if (!checked) return fail(checked.error());
  return key;
}

}  // namespace reeve
