#include "tests/unit/common/pickle/vectors.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "common/pickle/pieces.h"

namespace reeve::pickle {

namespace {

namespace json = boost::json;

std::string text(const json::value& value) { return std::string(value.as_string()); }

json::value load(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::ostringstream content;
  content << file.rdbuf();
  return json::parse(content.str());
}

std::filesystem::path folder() { return std::filesystem::path{REEVE_SOURCE_DIR} / "tests/managers/vectors"; }

Pick pick_of(const json::array& pick) {
  const std::string from = text(pick.at(0));
  if (from == "kw") return {.from = Pick::From::keyword, .keyword = text(pick.at(1))};
  Pick out{.from = from == "arg" ? Pick::From::argument : Pick::From::element};
  out.argument = pick.at(1).to_number<std::size_t>();
  if (out.from == Pick::From::element) out.element = pick.at(2).to_number<std::size_t>();
  return out;
}

ValueVector value_of(const std::string& python, const json::object& value) {
  ValueVector out{.python = python, .name = text(value.at("name")), .method = text(value.at("method"))};
  out.pick = pick_of(value.at("pick").as_array());
  out.canon = text(value.at("canon"));
  out.loose = value.contains("loose") ? text(value.at("loose")) : out.canon;
  out.request = from_hex(text(value.at("request")));
  out.fragment = from_hex(text(value.at("fragment")));
  out.reply_python2 = from_hex(text(value.at("reply_py2")));
  out.reply_python3 = from_hex(text(value.at("reply_py3")));
  for (const json::value& fixup : value.at("fixups").as_array())
    out.fixups.push_back(fixup.to_number<std::uint32_t>());
  out.protocol = value.at("fragment_proto").to_number<int>();
  out.python2_names = value.at("naming") == "py2";
  for (const json::value& name : value.at("globals").as_array()) out.classes.push_back(text(name));
  return out;
}

Vectors load_vectors() {
  Vectors out;
  for (const char* python : {"2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"}) {
    const json::value document = load(folder() / fmt::format("py{}.json", python));
    out.ident = text(document.at("ident"));
    for (const json::value& value : document.at("values").as_array())
      out.values.push_back(value_of(python, value.as_object()));
    for (const json::value& control : document.at("control").as_array())
      out.controls.push_back({python, text(control.at("name")), text(control.at("method")),
                              control.at("parsed").is_null() ? "" : text(control.at("parsed")),
                              from_hex(text(control.at("request")))});
  }
  return out;
}

std::string put_request(const std::string& value) {
  return "\x80\x02(U\x0c"
         "7f00deadbeefU\x03put" +
         value + "\x85}t.";
}

std::string repeated(std::string_view text, int count) {
  std::string out;
  for (; count > 0; --count) out += text;
  return out;
}

// The payloads that are too long for the file.
std::string long_payload(std::string_view name) {
  if (name == "long_line_1MB") return put_request("L" + std::string(1u << 20, '9') + "L\n");
  if (name == "marks_1e6") return "\x80\x02" + std::string(1'000'000, '(') + ".";
  if (name == "deep_tuples_50000") return put_request(")" + std::string(50'000, '\x85'));
  if (name == "deep_lists_50000") return put_request(std::string(50'000, ']') + std::string(49'999, 'a'));
  if (name != "wide_dag_100x200") throw std::runtime_error(fmt::format("no payload for {}", name));
  std::string value;
  for (int i = 0; i < 100; ++i) {
    value += "](";
    value += i == 0 ? std::string("X\x64\0\0\0", 5) + std::string(100, 'a')
                    : repeated(std::string{'h', static_cast<char>(i - 1)}, 200);
    value += {'e', 'q', static_cast<char>(i), '0'};
  }
  return put_request(value + "hc");
}

}  // namespace

const Vectors& vectors() {
  static const Vectors all = load_vectors();
  return all;
}

std::vector<HostileVector> hostile_vectors() {
  std::vector<HostileVector> out;
  const json::value document = load(folder() / "malicious.json");
  for (const json::value& hostile : document.at("cases").as_array()) {
    HostileVector vector{text(hostile.at("name")), text(hostile.at("verdict")), {}};
    vector.payload =
        hostile.at("hex").is_null() ? long_payload(vector.name) : from_hex(text(hostile.at("hex")));
    if (vector.payload.size() != hostile.at("len").to_number<std::size_t>())
      throw std::runtime_error(fmt::format("{} has another length", vector.name));
    out.push_back(std::move(vector));
  }
  return out;
}

Result<Fragment> picked(const ValueVector& vector) {
  Result<Request> request = parse_request(vector.request);
  if (!request) return fail(std::move(request.error()));
  switch (vector.pick.from) {
    case Pick::From::keyword:
      return *request->keyword(vector.pick.keyword);
    case Pick::From::argument:
      return request->args.at(vector.pick.argument);
    case Pick::From::element:
      break;
  }
  Result<Pieces> pieces = split(request->args.at(vector.pick.argument));
  if (!pieces) return fail(std::move(pieces.error()));
  return pieces->elements.at(vector.pick.element);
}

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

}  // namespace reeve::pickle
