// reeve keygen: a new authkey.
#include "client/cli/commands.h"
#include "client/cli/schema.h"
#include "common/app/authkey.h"

namespace reeve::cli {

namespace {

class Keygen final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("FILE", file_, "where to write it, with mode 0600; without FILE it is printed", false);
  }

  Exit run(Context& context) override {
    const std::string key = random_authkey();
    if (file_.empty()) {
      context.out().line(context.json() ? json_key(key, "") : key);
      return Exit::ok;
    }
    const Result<void> written = write_authkey_file(file_, key);
    if (!written && written.error().code == Errc::already_exists)
      refuse(Errc::already_exists,
             "{}: a key is never overwritten; remove the file first if it is not in use",
             written.error().detail);
    take(written);
    if (context.json())
      context.out().line(json_key("", file_));
    else
      context.note(
          fmt::format("new key in {}; give it to master, workers and clients with --authkey-file", file_));
    return Exit::ok;
  }

 private:
  std::string file_;
};

}  // namespace

const CommandEntry keygen_entry{"keygen", "Make a new authkey", "", make_command<Keygen>};

}  // namespace reeve::cli
