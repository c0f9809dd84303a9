// What we write is read by real Pythons, every one that is found here: python3, python2.7, those under ~/.pyenv.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "common/pickle/reply.h"
#include "common/pickle/stored.h"
#include "common/pickle/value.h"
#include "tests/integration/process.h"
#include "tests/unit/common/pickle/vectors.h"

namespace reeve::pickle {
namespace {

namespace fs = std::filesystem;

struct Python {
  std::string path, version;
  Reader reader() const {
    if (version.starts_with("2.")) return Reader::python2;
    return version.starts_with("3.6") || version.starts_with("3.7") ? Reader::python3_old : Reader::python3;
  }
};

class PythonsTest : public ::testing::Test {
 protected:
  PythonsTest() {
    std::string pattern = (fs::temp_directory_path() / "reeve-pickles-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~PythonsTest() override { fs::remove_all(folder_); }

  std::string run(const std::vector<std::string>& args) const {
    const std::string out = folder_ / "out", err = folder_ / "err";
    fs::remove(out);  // output is appended
    fs::remove(err);
    testing::Process process{
        args, {{"PYTHONDONTWRITEBYTECODE", "1"}, {"PYTHONHASHSEED", "0"}}, {.out = out, .err = err}};
    const bool ended = process.wait() == 0;
    return testing::read_file(out) + (ended ? "" : "FAILED " + testing::read_file(err));
  }

  std::vector<Python> pythons() const {
    std::set<std::string> candidates{"/usr/bin/python3", "/usr/bin/python2.7", "/usr/local/bin/python3"};
    if (const char* home = std::getenv("HOME")) {
      std::error_code ignored;
      for (const auto& entry : fs::directory_iterator{fs::path{home} / ".pyenv/versions", ignored})
        candidates.insert(entry.path() / "bin/python");
    }
    std::vector<Python> found;
    for (const std::string& path : candidates) {
      if (!fs::exists(path)) continue;
      std::string version = run({path, "-c", "import sys; sys.stdout.write(sys.version.split()[0])"});
      if (!version.starts_with("FAILED")) found.push_back({path, version});
    }
    EXPECT_FALSE(found.empty()) << "no Python is here that could read anything";
    return found;
  }

  // Lets that Python read what `write` makes of each value; says what came out otherwise.
  std::string differences(const Python& python, const std::function<std::string(const ValueVector&)>& write,
                          bool loosely = false) const {
    const fs::path cases = folder_ / "cases";
    std::ofstream out{cases};
    for (const ValueVector& vector : vectors().values) {
      const std::string pickle = write(vector);
      if (pickle.empty()) continue;
      out << (loosely ? '0' : vector.python.front()) << '\t' << vector.title() << '\t' << to_hex(pickle)
          << '\t' << vector.canon << '\t' << vector.loose << '\n';
    }
    out.close();
    return run({python.path, REEVE_SOURCE_DIR "/tests/managers/vectors/read_pickles.py", cases});
  }

 private:
  fs::path folder_;
};

TEST_F(PythonsTest, EveryPythonReadsWhatEveryPythonWrote) {
  const std::vector<Python> all = pythons();
  for (const Python& python : all) {
    std::cout << "Python " << python.version << '\n';
    const auto reply_with = [&](const ValueVector& vector) {
      std::string out;
      ReplyWriter reply{python.reader(), out, ReplyKind::returned};
      const Result<void> written = reply.value(*picked(vector));
      EXPECT_TRUE(written) << vector.title() << ": " << written.error().detail;
      reply.finish();
      return out;
    };
    // Python 2 has no range that it could pickle or show.
    const auto write = [&](const ValueVector& vector) {
      return python.reader() == Reader::python2 && vector.name == "range" ? std::string{}
                                                                          : reply_with(vector);
    };
    EXPECT_EQ(differences(python, write), "") << python.version;
  }
}

TEST_F(PythonsTest, StoredValuesAreCompletePickles) {
  for (const Python& python : pythons()) {
    const auto write = [&](const ValueVector& vector) {
      const bool own = vector.python.front() == python.version.front();
      return own ? to_stored(*picked(vector)) : std::string{};
    };
    EXPECT_EQ(differences(python, write), "") << python.version;
  }
}

TEST_F(PythonsTest, EveryPythonReadsWhatWeEncode) {
  for (const Python& python : pythons()) {
    const auto write = [&](const ValueVector& vector) -> std::string {
      // What is shared within a value is written twice, and an OrderedDict as a dict.
      if (vector.canon.find('@') != std::string::npos || vector.name == "ordereddict") return {};
      if (python.reader() == Reader::python2 && vector.name == "range") return {};
      const Result<Fragment> fragment = encode(*decode(*picked(vector)));
      EXPECT_TRUE(fragment) << vector.title() << ": " << fragment.error().detail;
      std::string out;
      ReplyWriter reply{python.reader(), out, ReplyKind::returned};
      EXPECT_TRUE(reply.value(*fragment)) << vector.title();
      reply.finish();
      return out;
    };
    // ASCII text is Python 2's str.
    EXPECT_EQ(differences(python, write, true), "") << python.version;
  }
}

}  // namespace
}  // namespace reeve::pickle
