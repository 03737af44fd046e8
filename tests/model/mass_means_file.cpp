#include "strata/model/mass_means_file.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "strata/model/decoder.hpp"
#include "strata/model/means_file.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/score/replacement.hpp"
#include "support/goldens.hpp"
#include "support/temporary_folder.hpp"

using strata::decoder;

namespace {

const std::vector<std::vector<int>> references{{1, 2, 3, 4, 5}, {9, 8, 7, 6}};

strata::stored_mass_means means_of(const decoder<float>& model) {
  return {strata::mass_means_over(model, references), strata::probe_of(model, std::span(references[0]).first(3)), 2};
}

std::string text_of(const strata::stored_mass_means& means) {
  std::string text;
  strata::write_mass_means(means, [&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

}  // namespace

TEST_CASE("mean outputs of heads come back from a file as they were, for their model only") {
  const temporary_folder folder;
  for (const std::string name : {"llama", "gpt_neox", "gemma3_text"}) {
    CAPTURE(name);
    const auto model = decoder<float>::load(goldens::model_folder(name));
    const auto means = means_of(model);
    const auto read = strata::read_mass_means(folder.add(name, text_of(means)));
    CHECK(read.means.shape() == model.shape());
    CHECK(read.means.targets() == 1);
    CHECK(read.means.head_width() == model.config().head_width);
    CHECK(std::equal(read.means.values().values().begin(), read.means.values().values().end(),
                     means.means.values().values().begin(), means.means.values().values().end()));
    CHECK(read.prompts == 2);
    CHECK(read.probe.tokens == means.probe.tokens);
    CHECK(read.probe.logits == means.probe.logits);
    CHECK_NOTHROW(read.require_model(model, "m"));
    CHECK(text_of(read) == text_of(means));
  }
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  const auto other_rope = decoder<float>::load(goldens::model_folder("llama_rope_llama3"));
  const auto other_shape = decoder<float>::load(goldens::model_folder("gpt_neox"));
  const auto read = strata::read_mass_means(folder.add("m", text_of(means_of(model))));
  CHECK_THROWS_WITH_AS(read.require_model(other_shape, "m"), "m: mean outputs of heads of a model of another shape",
                       strata::option_error);
  REQUIRE(other_rope.shape() == model.shape());
  CHECK_THROWS_WITH_AS(read.require_model(other_rope, "m"), doctest::Contains("of another model"),
                       strata::option_error);
  auto causal = means_of(model);
  causal.means = strata::replacement_of(model, references[0], strata::head_mean::causal).mass;
  CHECK_THROWS_WITH_AS(text_of(causal), doctest::Contains("causal"), strata::option_error);
}

TEST_CASE("a file that is cut, changed or something else is refused with a sentence") {
  const temporary_folder folder;
  const auto model = decoder<float>::load(goldens::model_folder("llama"));
  const auto means = means_of(model);
  const std::string whole = text_of(means);
  const auto refused = [&](const std::string& text, const char* why) {
    CHECK_THROWS_WITH_AS(static_cast<void>(strata::read_mass_means(folder.add("f", text))), doctest::Contains(why),
                         strata::data_error);
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    REQUIRE(from.size() == to.size());
    std::string text = whole;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  refused(changed("strata mean", "strata word"), "is no file of mean outputs of heads");
  refused(changed("\"mass\"", "\"mess\""), "\"mass\" is missing");
  std::string of_edges;
  const strata::stored_means edges{strata::means_over(model, std::span(references).first(1), 5), means.probe, 1};
  strata::write_means(edges, [&](std::span<const std::byte> piece) {
    of_edges.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  refused(of_edges, "is no file of mean outputs of heads");
  CHECK_THROWS_WITH_AS(static_cast<void>(strata::read_means(folder.add("f", whole))),
                       doctest::Contains("is no file of means of edges"), strata::data_error);

  auto not_finite = means;
  not_finite.probe.logits[3] = std::numeric_limits<float>::quiet_NaN();
  refused(text_of(not_finite), "\"probe.logits\" is not finite");
  strata::matrix<float> table(means.means.values());
  table(1, 2) = std::numeric_limits<float>::infinity();
  refused(text_of({strata::mass_means<float>(model.shape(), table), means.probe, 2}), "is not finite");
  auto no_token = means;
  no_token.probe.tokens[1] = 97;
  refused(text_of(no_token), "outside the vocabulary of 97");
  no_token.probe.tokens.clear();
  refused(text_of(no_token), "tokens");

  for (std::size_t length = 0; length < whole.size(); length += 97)
    CHECK_THROWS_AS(static_cast<void>(strata::read_mass_means(folder.add("cut", whole.substr(0, length)))),
                    strata::data_error);
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  for (std::size_t i = 0; i < strata::detail::mass_shape_numbers; ++i)
    for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 24, std::int64_t{1} << 40}) {
      CAPTURE(i);
      CAPTURE(value);
      std::string text = whole;
      std::memcpy(text.data() + 8 + header + 8 * i, &value, sizeof value);
      const bool free = i == 2 || i == 4 || i == 5 || i == 7;  // width, context, block, prompts decide no shape
      if (free && value >= (i == 2 ? 1 : 0) && value < (std::int64_t{1} << 30)) continue;
      CHECK_THROWS_AS(static_cast<void>(strata::read_mass_means(folder.add("shape", text))), strata::data_error);
    }
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {  // any damage of the header: refused, or read as something well-formed
    std::string text = whole;
    text[8 + random() % header] = static_cast<char>(random() % 256);
    try {
      static_cast<void>(strata::read_mass_means(folder.add("damaged", text)));
    } catch (const strata::data_error&) {
    }
  }
}
