// strata reference: means over reference prompts as a file, of what edges contribute for --ablation mean, or of the outputs of
// heads for --ablation mass-mean.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "about_model.hpp"
#include "arguments.hpp"
#include "commands.hpp"
#include "on_stderr.hpp"
#include "open_model.hpp"
#include "prompt_file.hpp"
#include "strata/core/error.hpp"
#include "strata/model/decoder.hpp"
#include "strata/model/mass_means_file.hpp"
#include "strata/model/means_file.hpp"
#include "strata/score/mean_recorder.hpp"
#include "strata/score/replacement.hpp"
#include "written_file.hpp"

namespace cli {

void reference(const arguments& given) {
  const prompt_choice choice(given);
  const std::size_t length = choice.length;
  strata::trace_options options = options_of(given);
  static_cast<void>(memory_bound_of(given));
  written_file out(given.out);
  opened_model opened(given);
  const strata::decoder_config& config = opened.config();
  const std::size_t bytes = sizeof(float) * (given.mass_mean ? config.layers * config.heads * config.head_width
                                                             : strata::edge_mean_tables<float>::count(
                                                                   opened.shape(), config.head_width, length));

  const chosen_prompts taken(given, opened, choice);
  const std::vector<std::vector<strata::token_id>>& prompts = taken.tokens;
  options.max_size = 1e-5;  // nothing is traced
  const auto model = opened.load(given, length, options, bytes);
  const bool shows = isatty(STDERR_FILENO) != 0;
  const auto probe = std::span(prompts[0]).first(std::min<std::size_t>(8, length));
  const auto write = [&](std::span<const std::byte> piece) {
    out.write({reinterpret_cast<const char*>(piece.data()), piece.size()});
  };
  if (given.mass_mean) {
    const strata::stored_mass_means stored{strata::mass_means_over(model, prompts), strata::probe_of(model, probe),
                                           prompts.size()};
    strata::write_mass_means(stored, write);
  } else {
    strata::mean_recorder<float> record(model.shape(), length, options.threads);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      if (shows) show_line(strata::concat("prompt ", i + 1, " of ", prompts.size()));
      record.begin();
      static_cast<void>(model.logits(prompts[i], record));
    }
    if (shows) show_line("");
    const strata::stored_means stored{record.take(), strata::probe_of(model, probe), prompts.size()};
    strata::write_means(stored, write);
  }
  out.commit();
  std::printf("means over %zu prompts of %zu tokens, %s: %s\n", prompts.size(), length,
              memory_text(static_cast<double>(bytes)).c_str(), on_one_line(*given.out).c_str());
  if (taken.too_short > 0) std::printf("%zu shorter prompts were left out\n", taken.too_short);
}

}  // namespace cli
