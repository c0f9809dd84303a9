// Runs a fuzz target once over each file of the directories (or files) that are named: the corpus, in any build, without
// libFuzzer. A crash names its file first.
//
//   replay_TARGET tests/fuzz/corpus/TARGET
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::fprintf(stderr, "%s\n", file.c_str());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::set<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) files.insert(argv[i]);
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], none))
      files.insert(entry.path().string());
  }
  if (files.empty()) {
    std::fprintf(stderr, "%s: there is nothing to replay\n", argv[0]);
    return 1;
  }
  for (const std::string& file : files) run(file);
  std::printf("%zu inputs\n", files.size());
  return 0;
}
