// Everything that --json prints is JSON, one value in each line, and names its schema.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

namespace json = boost::json;

std::vector<json::object> objects_in(const std::string& text) {
  std::vector<json::object> objects;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    json::error_code error;
    json::value value = json::parse(line, error);
    EXPECT_FALSE(error) << line;
    EXPECT_TRUE(value.is_object()) << line;
    if (value.is_object()) objects.push_back(std::move(value.as_object()));
  }
  return objects;
}

class CliJson : public ::testing::Test {
 protected:
  CliJson() { cluster_.add_worker("w1"); }

  // The objects that a successful command printed, all of one schema.
  std::vector<json::object> objects(const std::string& schema, std::vector<std::string> args,
                                    int exit_code = 0, std::string_view input = {}) {
    args.insert(args.begin(), "--json");
    const Ran ran = cluster_.reeve(args, input);
    EXPECT_EQ(ran.exit_code, exit_code) << args[1] << ": " << ran.err;
    std::vector<json::object> found = objects_in(ran.out);
    EXPECT_FALSE(found.empty()) << args[1];
    for (const json::object& object : found) EXPECT_EQ(object.at("schema").as_string(), schema);
    return found;
  }
  json::object object(const std::string& schema, std::vector<std::string> args, int exit_code = 0) {
    std::vector<json::object> found = objects(schema, std::move(args), exit_code);
    return found.size() == 1 ? std::move(found.front()) : json::object{};
  }

  Cluster cluster_{{.ephemeral = true}};
};

TEST_F(CliJson, JobsFromSubmissionToTheEnd) {
  const json::object submitted =
      object("reeve.submitted/1", {"submit", "--range=1-3", "-n", "odd \"name\"", "true"});
  EXPECT_EQ(submitted.at("job"), 1);
  EXPECT_EQ(submitted.at("tasks"), 3);
  const json::object waited = object("reeve.job/1", {"wait", "1"});
  EXPECT_EQ(waited.at("state"), "succeeded");
  EXPECT_EQ(waited.at("name"), "odd \"name\"");
  EXPECT_EQ(waited.at("counts").at("succeeded"), 3);
  EXPECT_TRUE(waited.at("finished").is_string());
  EXPECT_EQ(waited.at("spec").at("command").as_array().size(), 1u);
  EXPECT_EQ(object("reeve.job/1", {"show", "1"}), waited);
  EXPECT_EQ(object("reeve.jobs/1", {"ls", "--all"}).at("jobs").as_array().size(), 1u);
  EXPECT_EQ(objects("reeve.task/1", {"show", "1", "--tasks"}).size(), 3u);
  EXPECT_EQ(object("reeve.task/1", {"show", "1.2"}).at("outcome").at("worker"), "w1");
  EXPECT_EQ(objects("reeve.result/1", {"result", "1"}).size(), 3u);
  EXPECT_EQ(object("reeve.why/1", {"why", "1"}).at("state"), "succeeded");
  EXPECT_EQ(object("reeve.changed/1", {"cancel", "1"}).at("tasks"), 0);
  EXPECT_EQ(object("reeve.changed/1", {"retry", "1"}).at("change"), "retried");
  EXPECT_EQ(object("reeve.changed/1", {"forget", "1"}).at("change"), "forgotten");
}

TEST_F(CliJson, BytesThatAreNoTextAreBase64) {
  object("reeve.submitted/1", {"submit", "sh", "-c", "printf 'a\\377'; printf text >&2"});
  object("reeve.job/1", {"wait", "1"});
  const json::object result = object("reeve.result/1", {"result", "1"});
  EXPECT_EQ(result.at("stdout"), "Yf8=");
  EXPECT_EQ(result.at("stdout_encoding"), "base64");
  EXPECT_EQ(result.at("stderr"), "text");
  EXPECT_EQ(result.at("stderr_encoding"), "text");
}

TEST_F(CliJson, ValuesThatAreJsonStandThereAsJson) {
  const json::object result = object("reeve.result/1", {"call", "echo", R"({"n": [1, 2]})"});
  EXPECT_EQ(result.at("value_encoding"), "json");
  EXPECT_EQ(result.at("value").at("n").as_array().size(), 2u);
  EXPECT_EQ(objects("reeve.result/1", {"map", "square", "--range", "1-20"}).size(), 20u);
  const json::object failed = object("reeve.result/1", {"call", "fail", "\"no\""}, 1);
  EXPECT_EQ(failed.at("state"), "failed");
  EXPECT_EQ(failed.at("error"), "no");
}

TEST_F(CliJson, QueuesAndTheirValues) {
  EXPECT_EQ(object("reeve.changed/1", {"queue", "create", "q", "--maxsize", "5"}).at("change"), "created");
  EXPECT_EQ(object("reeve.changed/1", {"queue", "put", "q", "--encoding", "json", "1", "[2]"}).at("tasks"),
            2);
  EXPECT_EQ(object("reeve.queue/1", {"queue", "show", "q"}).at("size"), 2);
  EXPECT_GE(object("reeve.queues/1", {"queue", "ls"}).at("queues").as_array().size(), 1u);
  EXPECT_EQ(object("reeve.item/1", {"queue", "peek", "q"}).at("value"), 1);
  EXPECT_EQ(objects("reeve.item/1", {"queue", "get", "q", "-n", "2"}).size(), 2u);
  for (const char* change : {"pause", "resume", "purge", "rm"})
    EXPECT_EQ(object("reeve.changed/1", {"queue", change, "q"}).at("name"), "q");
}

TEST_F(CliJson, WorkersAndTheMaster) {
  EXPECT_EQ(object("reeve.workers/1", {"worker", "ls"}).at("workers").as_array().size(), 1u);
  const json::object worker = object("reeve.worker/1", {"worker", "show", "w1"});
  EXPECT_EQ(worker.at("name"), "w1");
  EXPECT_EQ(worker.at("connected"), true);
  EXPECT_EQ(object("reeve.changed/1", {"worker", "drain", "w1"}).at("change"), "drained");
  EXPECT_EQ(object("reeve.changed/1", {"worker", "undrain", "w1"}).at("change"), "undrained");
  const json::object status = object("reeve.status/1", {"status"});
  EXPECT_EQ(status.at("durable"), false);
  EXPECT_EQ(status.at("workers"), 1);
  EXPECT_EQ(object("reeve.key/1", {"keygen"}).at("key").as_string().size(), 64u);
}

}  // namespace
}  // namespace reeve::testing
