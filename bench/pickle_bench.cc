// What the pickle layer costs in one put or get of a Python client, which as a whole may take 2.5 µs of the server.
#include <benchmark/benchmark.h>

#include <string>

#include "common/pickle/json.h"
#include "common/pickle/reply.h"
#include "common/pickle/request.h"
#include "common/pickle/stored.h"

namespace reeve::pickle {
namespace {

using namespace std::string_literals;

// What Python 3.11 sends for put(value), with the value's opcodes.
std::string put_request(const std::string& value) {
  return "\x80\x04\x95\x26\0\0\0\0\0\0\0(\x8c\x0c"s + "7f00deadbeef\x94\x8c\x03put\x94" + value +
         "\x85\x94}\x94t\x94.";
}

const std::string small = "\x8c\x0bhello world\x94";
const std::string task = "K\x0c\x8c\x06square\x94K\x0cK\x0c\x86\x94\x87\x94";
const std::string kilobyte = "B\0\4\0\0"s + std::string(1024, '\xfe') + "\x94";

const std::string& value_of(const benchmark::State& state) {
  return state.range(0) == 0 ? small : state.range(0) == 1 ? task : kilobyte;
}

// A put: the request is taken apart, the value stored, None replied.
void put(benchmark::State& state) {
  const std::string payload = put_request(value_of(state));
  RequestParser parser;
  Request request;
  std::string reply;
  for (auto _ : state) {
    if (!parser.parse(payload, request)) state.SkipWithError("refused");
    std::string stored = to_stored(request.args.front());
    benchmark::DoNotOptimize(stored);
    reply.clear();
    reply_none(request.reader, reply);
    benchmark::DoNotOptimize(reply);
  }
}
BENCHMARK(put)->DenseRange(0, 2);

// A get: the request is taken apart, the stored value replied.
void get(benchmark::State& state) {
  const std::string payload =
      "\x80\x04\x95\x1d\0\0\0\0\0\0\0(\x8c\x0c"s + "7f00deadbeef\x94\x8c\x03get\x94)}\x94t\x94.";
  RequestParser parser;
  Request put;
  if (!parser.parse(put_request(value_of(state)), put)) state.SkipWithError("refused");
  const std::string stored = to_stored(put.args.front());
  Request request;
  std::string out;
  for (auto _ : state) {
    if (!parser.parse(payload, request)) state.SkipWithError("refused");
    out.clear();
    ReplyWriter reply{request.reader, out, ReplyKind::returned};
    if (!reply.stored(stored)) state.SkipWithError("refused");
    reply.finish();
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(get)->DenseRange(0, 2);

// For a reader of the other generation.
void convert_to_python2(benchmark::State& state) {
  RequestParser parser;
  Request put;
  if (!parser.parse(put_request(value_of(state)), put)) state.SkipWithError("refused");
  const std::string stored = to_stored(put.args.front());
  std::string out;
  for (auto _ : state) {
    out.clear();
    ReplyWriter reply{Reader::python2, out, ReplyKind::returned};
    if (!reply.stored(stored)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(convert_to_python2)->DenseRange(0, 2);

void pickle_to_json(benchmark::State& state) {
  RequestParser parser;
  Request put;
  if (!parser.parse(put_request(task), put)) state.SkipWithError("refused");
  for (auto _ : state) {
    const auto value = decode(put.args.front());
    auto text = to_json(*value);
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(pickle_to_json);

void json_to_pickle(benchmark::State& state) {
  for (auto _ : state) {
    const auto value = from_json(R"([12, "square", [12, 12]])");
    auto fragment = encode(*value);
    benchmark::DoNotOptimize(fragment);
  }
}
BENCHMARK(json_to_pickle);

// Per element of a long list.
void scan_long_list(benchmark::State& state) {
  std::string list = "](";
  for (int i = 0; i < 100'000; ++i)
    list +=
        "\x8c\x03"
        "abc\x94K\x05";
  const std::string payload = put_request(list + "e\x94");
  RequestParser parser;
  Request request;
  for (auto _ : state)
    if (!parser.parse(payload, request)) state.SkipWithError("refused");
  state.SetItemsProcessed(state.iterations() * 200'000);
}
BENCHMARK(scan_long_list);

}  // namespace
}  // namespace reeve::pickle

BENCHMARK_MAIN();
