// All figures that the documentation states of SmolLM2-135M, measured in one run: docs/benchmarks.md says how.
// sh bench/run.sh builds and runs it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comparison.hpp"
#include "figure.hpp"
#include "machine.hpp"
#include "needed_products.hpp"
#include "one_core_figures.hpp"
#include "peak_memory.hpp"
#include "real_prompt.hpp"
#include "search_figures.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/masker.hpp"
#include "strata/forward/run.hpp"
#include "strata/model/decoder.hpp"
#include "strata/trace.hpp"
#include "traced_prompt.hpp"

#include "divergence_figures.hpp"

namespace {

struct arguments {
  std::string model = STRATA_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  std::optional<std::string> json, compare;
  bool quick = false;
  std::size_t peak_memory = 0;  // tokens; the child's part of that figure
};

arguments parsed(int argc, char* argv[]) {
  arguments given;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) strata::raise<strata::option_error>(name, ": expected a value");
      return argv[++i];
    };
    if (name == "--quick")
      given.quick = true;
    else if (name == "--json")
      given.json = value();
    else if (name == "--compare")
      given.compare = value();
    else if (name == "--model")
      given.model = value();
    else if (name == "--peak-memory")
      given.peak_memory = static_cast<std::size_t>(std::atoi(value().c_str()));
    else
      strata::raise<strata::option_error>(name, ": expected --json FILE, --quick, --compare FILE or --model FILE");
  }
  return given;
}

class report {
 public:
  explicit report(bench::machine on) : on_(std::move(on)) {
    std::printf("%s; %s; %s; BLAS: %s\n\n", on_.processor.c_str(), on_.compiler.c_str(), on_.flags.c_str(),
                on_.blas.c_str());
    bench::print_heading();
  }

  void add(const bench::figure& f) {
    bench::print(f);
    list_.push_back(bench::json_of(f, on_));
    missed_ += f.ok() ? 0 : 1;
  }
  void add(const std::vector<bench::figure>& figures) {
    for (const bench::figure& f : figures) add(f);
  }
  void leave_out(const std::string& why) { left_out_.push_back(why); }

  void finish(const std::optional<std::string>& file) {
    std::printf("\n%zu figures, %zu miss what they are to reach\n", list_.size(), missed_);
    for (const std::string& why : left_out_) std::printf("left out: %s\n", why.c_str());
    if (!file) return;
    std::ofstream out(*file);
    if (!(out << list_.dump(2) << '\n')) strata::raise<strata::data_error>(*file, ": cannot be written");
  }

 private:
  bench::machine on_;
  nlohmann::ordered_json list_ = nlohmann::ordered_json::array();
  std::size_t missed_ = 0;
  std::vector<std::string> left_out_;
};

// The sweep's logits against those of the same masks run one by one, every `step`th of them.
template <class T>
bench::figure difference_figure(const strata::decoder<T>& model, const bench::traced_prompt& prompt, std::size_t step,
                                double most) {
  const strata::edge_strata all = bench::strata_of(prompt.edges, prompt.order);
  std::vector<std::size_t> counts;
  for (std::size_t m = 0; m < all.size(); m += step) counts.push_back(all.edges(m));
  const strata::edge_strata some(prompt.edges, prompt.order, counts);
  const std::vector<T> swept = strata::run_masked(model, prompt.tokens, some);
  double largest = 0;
  for (std::size_t m = 0; m < some.size(); ++m) {
    const strata::edge_mask mask = some.mask(m);
    strata::masker<T> hooks(mask);
    const std::vector<T> alone = strata::run(model, prompt.tokens, hooks);
    for (std::size_t i = 0; i < alone.size(); ++i)
      largest = std::max(largest, static_cast<double>(std::abs(alone[i] - swept[m * alone.size() + i])));
  }
  const std::string type = sizeof(T) == sizeof(float) ? "float" : "double";
  return {"largest difference of the sweep's logits to single runs, " + type,
          "logits",
          {largest, largest, largest},
          bench::reach{bench::bound::at_most, most},
          prompt.tokens.size()};
}

// The clock on the wall: processor time would not see that a thread waits.
bench::figure thread_figure(const strata::decoder<float>& model, const std::string& file,
                            const bench::traced_prompt& prompt, std::size_t repeats) {
  const auto with_two = strata::decoder<float>::load(file, {.threads = 2});
  std::vector<strata::trace_result<float>> one, two;
  const auto check = [&] {
    bench::require(one[0].logits == two[0].logits && one[0].order == two[0].order, "two threads give the same bits");
    for (std::size_t i = 0; i < one[0].curve.size(); ++i)
      bench::require(one[0].curve[i].measured.kl == two[0].curve[i].measured.kl, "two threads give the same bits");
  };
  const auto times =
      bench::in_turn(repeats,
                     {[&] { one.assign(1, strata::trace(model, prompt.tokens, bench::whole_trace(1))); },
                      [&] { two.assign(1, strata::trace(with_two, prompt.tokens, bench::whole_trace(2))); }},
                     {.seconds = bench::wall_seconds_of, .check = check});
  const std::size_t count = prompt.tokens.size();
  return {"whole trace, 1 thread / 2 threads, " + std::to_string(count) + " tokens",
          "ratio of times on the wall",
          bench::ratio(times[0], times[1]),
          bench::reach{bench::bound::at_least, 1.75},
          count,
          2};
}

void measure(const arguments& given, report& out) {
  const auto model = strata::decoder<float>::load(given.model);
  if (given.compare)
    out.add(bench::compared(*given.compare, model));
  else
    out.leave_out("PyTorch and llama.cpp: python3 bench/compare.py --setup, then sh bench/run.sh --compare");
  bench::needed_products products(model.config());
  const auto prompt_of = [&](std::size_t count) {
    return bench::traced_prompt(model, bench::real_prompt(given.model, count));
  };
  out.add(bench::search_figures(model, prompt_of(24), given.quick ? 3 : 11));
  {
    const bench::traced_prompt prompt = prompt_of(40);
    out.add(bench::recording_figures(model, products, prompt, given.quick ? 5 : 21));
    out.add(bench::sweep_figures(model, products, prompt, given.quick ? 3 : 11));
    out.add(difference_figure(model, prompt, 1, 3e-4));
    out.add(difference_figure(strata::decoder<double>::load(given.model), prompt, 5, 1e-10));
  }
  {
    const bench::traced_prompt prompt = prompt_of(128);
    out.add(bench::recording_figures(model, products, prompt, given.quick ? 3 : 11));
    out.add(bench::sweep_figures(model, products, prompt, given.quick ? 1 : 7));
    out.add(bench::divergence_figures(model, prompt, given.quick ? 11 : 41));
    if (strata::detail::default_threads() > 1)
      out.add(thread_figure(model, given.model, prompt, given.quick ? 1 : 7));
    else
      out.leave_out("two threads: they cannot be had here, see STRATA_USE_OPENMP and OMP_NUM_THREADS");
  }
  if (const auto bytes = bench::peak_memory_of_child(given.model, 128)) {
    const double megabytes = *bytes / 1e6;
    out.add(bench::figure{"peak memory beyond the weights, whole trace, 128 tokens",
                          "MB",
                          {megabytes, megabytes, megabytes},
                          bench::reach{bench::bound::at_most, 250},
                          128});
  } else {
    out.leave_out("peak memory: there is no /proc/self/smaps");
  }
  for (const std::size_t count : {std::size_t{64}, std::size_t{256}, std::size_t{1024}}) {
    if (given.quick && count > 256) {
      out.leave_out("1,024 tokens, which take minutes: --quick");
      continue;
    }
    const std::size_t repeats = count > 256 ? 3 : given.quick ? 1 : 5;
    out.add(bench::growth_figure(model, products, prompt_of(count), repeats, count < 256));
  }
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    const arguments given = parsed(argc, argv);
    if (!std::filesystem::exists(given.model))
      strata::raise<strata::data_error>(given.model, " is not there: sh examples/get_smollm2.sh fetches it");
    if (given.peak_memory > 0) {
      std::printf("%.0f\n", bench::peak_beyond_weights(given.model, given.peak_memory));
      return 0;
    }
    if (given.json && !std::ofstream(*given.json, std::ios::app))  // told before minutes are spent
      strata::raise<strata::data_error>(*given.json, ": cannot be written");
    report out(bench::this_machine(STRATA_BENCH_FLAGS));
    measure(given, out);
    out.finish(given.json);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_report: %s\n", error.what());
    return 1;
  }
}
