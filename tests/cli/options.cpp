// What the options of `strata trace` do.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "program.hpp"

namespace options_test {

namespace {

const std::string prompt = "The witch took out of her pocket a";
const nlohmann::json& as_text() {
  static const nlohmann::json trace = program::json_of({"--text", prompt});
  return trace;
}

}  // namespace

TEST_CASE("a text, a file, standard input and token ids give the same trace") {
  const temporary_folder folder;
  CHECK(program::json_of({"--file", folder.add("prompt", prompt).string()}) == as_text());
  CHECK(program::json_of({"--file", folder.add("line", prompt + "\n").string()}) == as_text());
  CHECK(program::json_of({"--file", folder.add("dos", prompt + "\r\n").string()}) == as_text());
  CHECK(program::json_of({"--file", "-"}, prompt) == as_text());
  std::string ids;
  for (const auto& token : as_text()["tokens"]) {
    if (!ids.empty()) ids += ",";
    ids += token.dump();
  }
  CHECK(program::json_of({"--tokens", ids}) == as_text());
}

TEST_CASE("a memory bound decides what is stored, not the result") {
  std::string ids = "1";
  for (int i = 1; i < 200; ++i) ids += ',' + std::to_string((i * i * 31 + 7 * i + 3) % 2048);
  const auto whole = program::json_of({"--tokens", ids, "--max-size", "0.001"});
  struct choice {
    const char *bound, *weights, *scores;
  };
  for (const choice& c : {choice{"8M", "weights expanded layer by layer", "computed again"},
                          choice{"13M", "weights expanded layer by layer", "stored"},
                          choice{"14M", "5.5 MB for expanded weights", "computed again"},
                          choice{"15M", "5.5 MB for expanded weights", "stored"}}) {
    CAPTURE(c.bound);
    const std::vector<std::string> same{"--max-size", "0.001", "--max-memory", c.bound, "--threads", "1"};
    std::vector<std::string> info{"info", "--tokens", "200"}, trace{"--tokens", ids};
    info.insert(info.end(), same.begin(), same.end());
    trace.insert(trace.end(), same.begin(), same.end());
    const std::string told = program::run(info).out;
    CHECK(told.find(std::string(c.weights) + "; scores are " + c.scores) != std::string::npos);
    CHECK(program::json_of(trace) == whole);
  }
}

TEST_CASE("a text may look like an option") {
  CHECK(program::json_of({"--text", "--json", "--sizes", "1"})["pieces"].size() > 1);
  CHECK(program::json_of({"--text", "[a,b]", "--sizes", "1"})["tokens"].size() == 5);
}

TEST_CASE("without a tokenizer token ids still do, and have no pieces") {
  const program::model_copy model;
  model.remove("tokenizer.json");
  const auto trace = program::json_of({"--model", model.path(), "--tokens", "5,6", "--sizes", "1"});
  CHECK(trace["pieces"].is_null());
  CHECK(trace["top"][0]["piece"].is_null());
  const auto result = program::run({"trace", "--model", model.path(), "--tokens", "5,6", "--sizes", "1"});
  CHECK(result.out.find("5|6") != std::string::npos);
  CHECK(result.out.find("token 292") != std::string::npos);
}

TEST_CASE("sizes") {
  const auto trace = program::json_of({"--text", prompt, "--sizes", "0.01,0.5"});
  CHECK(trace["options"]["sizes"] == nlohmann::json{0.01, 0.5});
  REQUIRE(trace["curve"].size() == 2);
  for (const auto& point : as_text()["curve"])
    if (point["size"] == 0.01) {
      CHECK(point["edges"] == trace["curve"][0]["edges"]);
      CHECK(point["kl"].get<double>() == doctest::Approx(trace["curve"][0]["kl"].get<double>()).epsilon(1e-3));
    }
}

TEST_CASE("sizes above --max-size are left out, and the others stay as they are") {
  const auto trace = program::json_of({"--text", prompt, "--max-size", "0.1"});
  REQUIRE(trace["curve"].size() == 22);
  CHECK(trace["options"]["sizes"].size() == 22);
  for (std::size_t i = 0; i < 22; ++i) {
    CHECK(trace["curve"][i]["edges"] == as_text()["curve"][i]["edges"]);
    CHECK(trace["curve"][i]["kl"].get<double>() ==
          doctest::Approx(as_text()["curve"][i]["kl"].get<double>()).epsilon(1e-3));
  }
}

TEST_CASE("the result is the same for any number of threads") {
  CHECK(program::json_of({"--text", prompt, "--threads", "1"}) == as_text());
#if defined(STRATA_USE_OPENMP)
  CHECK(program::json_of({"--text", prompt, "--threads", "3"}) == as_text());
#endif
}

TEST_CASE("the three ways to mask attention give three curves") {
  std::set<std::string> curves;
  for (const char* how : {"after_softmax", "before_softmax", "ignored"}) {
    const auto trace = program::json_of({"--text", prompt, "--attention-mask", how});
    CHECK(trace["options"]["attention_mask"] == how);
    CHECK(trace["tokens"] == as_text()["tokens"]);
    CHECK(trace["curve"].back()["tv"] == 0);
    curves.insert(trace["curve"].dump());
    if (how == std::string("after_softmax")) CHECK(trace == as_text());
  }
  CHECK(curves.size() == 3);
}

TEST_CASE("a target's cross-entropy and rank") {
  const auto& second = as_text()["top"][1];
  const auto trace = program::json_of({"--text", prompt, "--target", second["token"].dump()});
  CHECK(trace["options"]["target"] == second["token"]);
  CHECK(trace["curve"].back()["rank"] == 2);
  CHECK(trace["curve"].back()["cross_entropy"].get<double>() ==
        doctest::Approx(-std::log(second["probability"].get<double>())));
  CHECK(as_text()["options"]["target"].is_null());
  CHECK(as_text()["curve"].back()["rank"].is_null());
  CHECK(as_text()["curve"].back()["cross_entropy"].is_null());
  const auto out = program::run({"trace", "--text", prompt, "--target", second["token"].dump()}).out;
  CHECK(out.find("rank 2\n") != std::string::npos);
}

TEST_CASE("JSON goes through a link, and to a device without replacing it") {
  const temporary_folder folder;
  std::filesystem::create_symlink("real.json", folder.path() / "link.json");
  CHECK(program::run({"trace", "--text", prompt, "--json", (folder.path() / "link.json").string()}).code == 0);
  CHECK(std::filesystem::is_symlink(folder.path() / "link.json"));
  CHECK(nlohmann::json::parse(program::content_of(folder.path() / "real.json")) == as_text());
  std::filesystem::create_symlink("/dev/null", folder.path() / "device");  // not itself: tests may run as root
  CHECK(program::run({"trace", "--text", prompt, "--json", (folder.path() / "device").string()}).code == 0);
  CHECK(std::filesystem::is_symlink(folder.path() / "device"));
  CHECK(std::filesystem::is_character_file(folder.path() / "device"));
}

TEST_CASE("pieces that are parts of a character have bytes") {
  const auto trace = program::json_of({"--text", "Zoë", "--sizes", "1"});
  REQUIRE(trace.contains("bytes"));
  REQUIRE(trace["bytes"].size() == trace["pieces"].size());
  std::string joined;
  for (std::size_t i = 0; i < trace["pieces"].size(); ++i) {
    if (trace["bytes"][i].is_null()) {
      joined += trace["pieces"][i].get<std::string>();
    } else {
      CHECK(trace["pieces"][i] == "\uFFFD");
      const auto hex = trace["bytes"][i].get<std::string>();
      for (std::size_t k = 0; k < hex.size(); k += 2)
        joined += static_cast<char>(std::stoi(hex.substr(k, 2), nullptr, 16));
    }
  }
  CHECK(joined == "Zoë");
}

}  // namespace options_test
