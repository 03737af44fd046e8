#include "strata/model/means_file.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "strata/score/mean_recorder.hpp"
#include "support/goldens.hpp"
#include "support/temporary_folder.hpp"

namespace means_file_test {

using strata::decoder;

namespace {

const std::vector<std::vector<int>> references{{1, 2, 3, 4, 5}, {9, 8, 7, 6, 5}};

strata::stored_means means_of(const decoder<float>& model) {
  return {strata::means_over(model, references, 5), strata::probe_of(model, std::span(references[0]).first(3)), 2};
}

std::string text_of(const strata::stored_means& means) {
  std::string text;
  strata::write_means(means, [&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

}  // namespace

TEST_CASE("means come back from a file as they were") {
  const temporary_folder folder;
  for (const std::string name : {"llama", "gpt_neox", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = decoder<float>::load(goldens::model_folder(name));
    const auto means = means_of(model);
    const auto read = strata::read_means(folder.add(name, text_of(means)));
    CHECK(read.means.shape() == model.shape());
    CHECK(read.means.tokens() == 5);
    CHECK(read.means.every_position());
    CHECK(read.prompts == 2);
    CHECK(read.probe.tokens == means.probe.tokens);
    CHECK(read.probe.logits == means.probe.logits);
    CHECK_NOTHROW(read.require_model(model, "m"));
    const strata::graph g(model.shape(), 4);
    const std::vector<int> tokens{4, 3, 2, 1};
    const auto some = strata::edge_mask::where(g, [](const strata::edge& e) { return (e.source + e.level) % 3 != 0; });
    const auto with = [&](const strata::edge_means<float>& of) {
      return strata::run_masked(model, tokens, std::span(&some, 1), {strata::attention_mask::after_softmax, &of});
    };
    CHECK(with(read.means) == with(means.means));
  }
}

TEST_CASE("means of another model are refused") {
  const temporary_folder folder;
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  const auto other_rope = decoder<float>::load(goldens::model_folder("llama_rope_llama3"));
  const auto other_shape = decoder<float>::load(goldens::model_folder("gpt_neox"));
  const auto read = strata::read_means(folder.add("m", text_of(means_of(model))));
  CHECK_THROWS_WITH_AS(read.require_model(other_shape, "m"), "m: means of dropped edges of a model of another shape",
                       strata::option_error);
  REQUIRE(other_rope.shape() == model.shape());
  CHECK_THROWS_WITH_AS(read.require_model(other_rope, "m"), doctest::Contains("of another model"),
                       strata::option_error);
}

TEST_CASE("means of heads of another width are refused before anything is computed; a probe that is no number too") {
  const temporary_folder folder;
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  auto shape = model.shape();
  const std::size_t head_width = model.config().head_width;
  for (const std::size_t other : {2 * head_width, head_width / 2, std::size_t{1}}) {
    CAPTURE(other);
    const std::vector<float> values(strata::edge_mean_tables<float>::count(shape, other, 5));
    const strata::edge_means<float> means(shape, other, 5, values.data(), nullptr, true);
    const strata::graph g(shape, 4);
    const std::vector<strata::edge_mask> masks(2, strata::edge_mask::none(g));
    const std::vector<int> tokens{4, 3, 2, 1};
    for (const std::size_t count : {std::size_t{1}, std::size_t{2}})
      CHECK_THROWS_AS(static_cast<void>(strata::run_masked(model, tokens, std::span(masks).first(count),
                                                           {strata::attention_mask::after_softmax, &means})),
                      strata::error);
  }
  auto means = means_of(model);
  means.probe.logits[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::read_means(folder.add("nan", text_of(means)))),
                       doctest::Contains("is not finite"), strata::data_error);
}

TEST_CASE("a file that is cut, changed or something else is refused with a sentence") {
  const temporary_folder folder;
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  const std::string whole = text_of(means_of(model));
  int number = 0;
  const auto refused = [&](const std::string& text, const char* why) {
    const auto path = folder.add("f" + std::to_string(++number), text);
    CAPTURE(number);
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::read_means(path)), doctest::Contains(why), strata::data_error);
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    REQUIRE(from.size() == to.size());
    std::string text = whole;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  refused(changed("strata means", "strata words"), "is no file of means");
  refused(changed("\"mixed\"", "\"fixed\""), "\"mixed\" is missing");
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, whole.size() / 2, whole.size() - 1})
    CHECK_THROWS_AS(static_cast<void>(strata::read_means(folder.add("cut", whole.substr(0, length)))),
                    strata::data_error);
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  for (std::size_t i = 0; i < strata::detail::means_shape_numbers; ++i)
    for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 24, std::int64_t{1} << 40}) {
      CAPTURE(i);
      CAPTURE(value);
      std::string text = whole;
      std::memcpy(text.data() + 8 + header + 8 * i, &value, sizeof value);
      if (value > 0 && (i == 5 || i == 8 || i == 9 || i == 4) && value < (std::int64_t{1} << 30))
        continue;  // may be so
      if (value == 0 && (i == 4 || i == 5 || i == 8 || i == 9)) continue;
      CHECK_THROWS_AS(static_cast<void>(strata::read_means(folder.add("shape", text))), strata::data_error);
    }
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {  // any damage of the header: refused, or read as something well-formed
    std::string text = whole;
    text[8 + random() % header] = static_cast<char>(random() % 256);
    try {
      static_cast<void>(strata::read_means(folder.add("damaged", text)));
    } catch (const strata::data_error&) {
    }
  }
}

}  // namespace means_file_test
