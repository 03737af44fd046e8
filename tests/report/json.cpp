#include "strata/report/json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "strata/model/decoder.hpp"
#include "strata/trace.hpp"
#include "support/goldens.hpp"

namespace json_test {

namespace {

using json = nlohmann::json;

struct golden_trace {
  golden_trace() {
    options.target = goldens::run("llama").integer("metrics.target")[0];
    const auto model = strata::decoder<double>::load(goldens::model_folder("llama"));
    result.emplace(strata::trace(model, goldens::run("llama").integer("tokens"), options));
    about = {"a/model", model.parameters(), model.shape(), {}};
  }

  // As a reader gets it.
  [[nodiscard]] json parsed() const { return json::parse(strata::json_text(strata::to_json(*result, options, about))); }

  strata::trace_options options;
  strata::trace_description about;
  std::optional<strata::trace_result<double>> result;
};

const golden_trace& golden() {
  static const golden_trace trace;
  return trace;
}

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

}  // namespace

TEST_CASE("the keys are these and no others; a new one goes into docs/json.md") {
  const json out = golden().parsed();
  CHECK(keys_of(out) == std::set<std::string>{"schema", "version", "model", "options", "tokens", "pieces",
                                              "edges_total", "self_check", "entropy", "density", "tv_area", "top",
                                              "smallest", "swap", "curve"});
  CHECK(keys_of(out["model"]) ==
        std::set<std::string>{"layers", "heads", "width", "vocabulary", "context", "block", "path", "parameters"});
  CHECK(keys_of(out["options"]) ==
        std::set<std::string>{"sizes",          "attention_mask", "score",         "ablation",
                              "frozen_pattern", "rescaled_nodes", "causal_mean",   "target",
                              "check",          "selection",      "tau",           "seed",
                              "leverage_k",     "frozen",         "inverse",       "masks",
                              "published",      "sensitivity",    "minus_dropped", "swap"});
  CHECK(keys_of(out["top"][0]) == std::set<std::string>{"token", "piece", "probability"});
  CHECK(keys_of(out["smallest"]) == std::set<std::string>{"tv", "kl", "nucleus"});
  CHECK(keys_of(out["curve"][0]) == std::set<std::string>{"size", "edges", "kl", "tv", "js", "top1", "nucleus",
                                                          "nucleus_size", "entropy", "cross_entropy", "rank",
                                                          "top_token", "top_piece", "first_tokens", "reaches_input",
                                                          "composition"});
  CHECK(keys_of(out["curve"][0]["composition"]) ==
        std::set<std::string>{"residual", "attention", "mlp_residual", "mlp", "depth_quartiles"});
}

TEST_CASE("every key is in docs/json.md") {
  std::ifstream file(STRATA_SOURCE_DIR "/docs/json.md");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const json out = golden().parsed();
  for (const json& object : {out, out["model"], out["options"], out["top"][0], out["curve"][0],
                             out["curve"][0]["composition"], out["smallest"]})
    for (const std::string& key : keys_of(object)) {
      CAPTURE(key);
      CHECK(text.find('`' + key + '`') != std::string::npos);
    }
}

TEST_CASE("what stands at the head") {
  const json out = golden().parsed();
  const auto& result = *golden().result;
  CHECK(out["schema"] == 1);
  CHECK(out["version"] == strata::version);
  CHECK(out["model"] == json{{"layers", golden().about.shape.layers},
                             {"heads", golden().about.shape.heads},
                             {"width", golden().about.shape.width},
                             {"vocabulary", golden().about.shape.vocabulary},
                             {"context", golden().about.shape.context},
                             {"block", "sequential"},
                             {"path", "a/model"},
                             {"parameters", golden().about.parameters}});
  CHECK(out["options"]["sizes"] == golden().options.sizes);
  CHECK(out["options"]["sizes"].size() == 27);
  CHECK(out["options"]["attention_mask"] == "after_softmax");
  CHECK(out["options"]["score"] == "l1");
  CHECK(out["options"]["ablation"] == "zero");
  CHECK(out["options"]["sensitivity"].is_null());
  CHECK(out["options"]["minus_dropped"] == false);
  CHECK(out["options"]["check"] == true);
  CHECK(out["options"]["target"] == *golden().options.target);
  CHECK(out["tokens"] == goldens::run("llama").integer("tokens"));
  CHECK(out["edges_total"] == result.edges.edge_count());
  CHECK(out["self_check"] == result.self_check);
  CHECK(out["entropy"] == result.entropy);
  CHECK(out["density"] == result.density);
  CHECK(out["tv_area"] == result.tv_area);
  CHECK(std::abs(out["density"].get<double>() - goldens::run("llama").real("metrics.density")[0]) <= 1e-9);
}

TEST_CASE("the curve: the same numbers to the last bit") {
  const json curve = golden().parsed()["curve"];
  const auto& points = golden().result->curve;
  REQUIRE(curve.size() == points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const strata::faithfulness& m = points[i].measured;
    const strata::composition& made = points[i].made_of;
    const json expected{{"size", points[i].size},
                        {"edges", points[i].edges},
                        {"kl", m.kl},
                        {"tv", m.total_variation},
                        {"js", m.jensen_shannon},
                        {"top1", m.top1},
                        {"nucleus", m.nucleus},
                        {"nucleus_size", m.nucleus_size},
                        {"entropy", m.entropy},
                        {"cross_entropy", m.cross_entropy.value()},
                        {"rank", m.rank.value()},
                        {"top_token", m.top_token},
                        {"top_piece", nullptr},
                        {"first_tokens", m.first_five},
                        {"reaches_input", made.reaches_input},
                        {"composition",
                         {{"residual", made.kinds[0]},
                          {"attention", made.attention()},
                          {"mlp_residual", made.kinds[2]},
                          {"mlp", made.mlp()},
                          {"depth_quartiles", made.quartiles}}}};
    CHECK(curve[i] == expected);
    const json& parts = curve[i]["composition"];
    CHECK(parts["residual"].get<strata::edge_id>() + parts["attention"].get<strata::edge_id>() +
              parts["mlp_residual"].get<strata::edge_id>() + parts["mlp"].get<strata::edge_id>() ==
          points[i].edges);
  }
}

TEST_CASE("the first sizes below the bounds, against the goldens; null where there is none") {
  const json smallest = golden().parsed()["smallest"];
  const goldens::run run("llama");
  const auto tv = run.real("metrics.first_tv_below"), kl = run.real("metrics.first_kl_below");
  const char* bounds[] = {"0.5", "0.2", "0.1", "0.05"};
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK(smallest["tv"][bounds[k]] == tv[k]);
    CHECK(smallest["kl"][bounds[k]] == kl[k]);
  }
  golden_trace never;
  for (auto& point : never.result->curve) point.measured.total_variation = 0.1;
  const json out = never.parsed()["smallest"]["tv"];
  CHECK(out["0.2"] == never.options.sizes[0]);
  CHECK(out["0.1"].is_null());  // below, not at
  CHECK(out["0.05"].is_null());
}

TEST_CASE("the ten most probable tokens, best first") {
  const json top = golden().parsed()["top"];
  const auto& logits = golden().result->logits;
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit);
  REQUIRE(top.size() == 10);
  for (std::size_t i = 0; i < top.size(); ++i) {
    const auto token = top[i]["token"].get<std::size_t>();
    CHECK(top[i]["probability"].get<double>() == doctest::Approx(std::exp(logits[token]) / sum).epsilon(1e-12));
    if (i > 0) CHECK(top[i]["probability"] <= top[i - 1]["probability"]);
    std::size_t better = 0;
    for (const double logit : logits) better += logit > logits[token] ? 1 : 0;
    CHECK(better == i);
  }
  CHECK(strata::top_tokens<double>(std::span<const double>(logits).first(3), 10).size() == 3);
}

TEST_CASE("+infinity becomes null") {
  golden_trace trace;
  auto& measured = trace.result->curve[2].measured;
  measured.kl = measured.cross_entropy.emplace() = std::numeric_limits<double>::infinity();
  const json point = trace.parsed()["curve"][2];
  CHECK(point["kl"].is_null());
  CHECK(point["cross_entropy"].is_null());
  CHECK(point["tv"].is_number());
  CHECK(trace.parsed()["curve"][3]["kl"].is_number());
}

TEST_CASE("without a target, a count of parameters or a tokenizer there is null") {
  golden_trace trace;
  trace.options.target.reset();
  trace.about.parameters = 0;
  for (auto& point : trace.result->curve) point.measured.cross_entropy.reset(), point.measured.rank.reset();
  const json out = trace.parsed();
  CHECK(out["options"]["target"].is_null());
  CHECK(out["model"]["parameters"].is_null());
  CHECK(out["curve"][0]["cross_entropy"].is_null());
  CHECK(out["curve"][0]["rank"].is_null());
  CHECK(out["pieces"].is_null());
  CHECK(out["top"][0]["piece"].is_null());
}

TEST_CASE("whole characters are text and have no bytes") {
  golden_trace trace;
  trace.about.piece = [](strata::token_id token) { return "ü \"" + std::to_string(token); };
  const json out = trace.parsed();
  REQUIRE(out["pieces"].size() == out["tokens"].size());
  CHECK(out["pieces"][0] == "ü \"" + out["tokens"][0].dump());
  CHECK_FALSE(out.contains("bytes"));
  CHECK(out["top"][0]["piece"] == "ü \"" + out["top"][0]["token"].dump());
  CHECK_FALSE(out["top"][0].contains("bytes"));
  CHECK(out["curve"][5]["top_piece"] == "ü \"" + out["curve"][5]["top_token"].dump());
  CHECK_FALSE(out["curve"][5].contains("top_bytes"));
}

TEST_CASE("parts of characters are U+FFFD with their bytes in hex") {
  golden_trace trace;
  const auto first = trace.result->tokens[0];
  trace.about.piece = [=](strata::token_id token) { return token == first ? "a\xC3" : std::string("b"); };
  json out = trace.parsed();
  CHECK(out["pieces"][0] == "a\uFFFD");
  CHECK(out["bytes"][0] == "61c3");
  REQUIRE(out["bytes"].size() == out["pieces"].size());
  for (std::size_t i = 1; i < out["tokens"].size(); ++i)
    CHECK(out["bytes"][i].is_null() == (out["tokens"][i] != first));

  trace.about.piece = [](strata::token_id) { return std::string("\xFF\x00\x9A", 3); };
  out = trace.parsed();
  CHECK(out["bytes"][0] == "ff009a");
  CHECK(out["top"][3]["bytes"] == "ff009a");
  CHECK(out["curve"][5]["top_bytes"] == "ff009a");
  CHECK(out["curve"][5]["top_piece"].get<std::string>().find("\uFFFD") == 0);
}

TEST_CASE("U+FFFD itself, zero bytes and surrogates") {
  CHECK(strata::detail::hex_unless_utf8("\uFFFD").empty());
  CHECK(strata::detail::hex_unless_utf8(std::string("\0", 1)).empty());
  CHECK(strata::detail::hex_unless_utf8("").empty());
  CHECK(strata::detail::hex_unless_utf8("😀").empty());
  CHECK(strata::detail::hex_unless_utf8("\xED\xA0\x80") == "eda080");
  CHECK(strata::detail::hex_unless_utf8("\xC0\x80") == "c080");
  CHECK(strata::detail::hex_unless_utf8("\x80") == "80");
}

TEST_CASE("a token that the tokenizer does not have has no piece") {
  golden_trace trace;
  trace.about.piece = [](strata::token_id) -> std::optional<std::string> { return std::nullopt; };
  const json out = trace.parsed();
  REQUIRE(out["pieces"].size() == out["tokens"].size());
  CHECK(out["pieces"][0].is_null());
  CHECK(out["top"][0]["piece"].is_null());
  CHECK_FALSE(out.contains("bytes"));
}

TEST_CASE("names of the attention masks and of blocks") {
  CHECK(strata::name_of(strata::attention_mask::after_softmax) == "after_softmax");
  CHECK(strata::name_of(strata::attention_mask::before_softmax) == "before_softmax");
  CHECK(strata::name_of(strata::attention_mask::ignored) == "ignored");
  golden_trace trace;
  trace.options.attention = strata::attention_mask::ignored;
  trace.about.shape.block = strata::block_kind::parallel;
  CHECK(trace.parsed()["options"]["attention_mask"] == "ignored");
  CHECK(trace.parsed()["model"]["block"] == "parallel");
}

}  // namespace json_test
