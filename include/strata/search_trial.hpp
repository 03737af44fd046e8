/// Searches on one prompt, and how far from a distribution the traces are that they find: what a comparison of searches
/// and its controls are made of.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "strata/core/error.hpp"
#include "strata/detail/parallel.hpp"
#include "strata/forward/ablation.hpp"
#include "strata/forward/gradient_hooks.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/forward/prompt.hpp"
#include "strata/forward/run.hpp"
#include "strata/graph/edge_order.hpp"
#include "strata/graph/edge_strata.hpp"
#include "strata/graph/graph.hpp"
#include "strata/masked_divergence.hpp"
#include "strata/measure/curve.hpp"
#include "strata/measure/divergence_from.hpp"
#include "strata/measure/divergence_gradient.hpp"
#include "strata/measure/nucleus.hpp"
#include "strata/node_sensitivity.hpp"
#include "strata/score/l1.hpp"
#include "strata/score/recorder.hpp"
#include "strata/score/sensitivity.hpp"
#include "strata/score/sensitivity_table.hpp"
#include "strata/score/share_sensitivity.hpp"
#include "strata/search/best_first.hpp"
#include "strata/search/nested_swap.hpp"

namespace strata {

/// What edges are ranked by before anything is dropped. table: sensitivity, with S averaged over other prompts.
enum class base_score : std::uint8_t { l1, sensitivity, share_sensitivity, table };

/// A way to an order of all edges: best-first by scores, or nested swap search from them.
struct search_method {
  std::string name = "greedy";
  base_score base = base_score::l1;
  std::optional<swap_options> swap{};
  objective swap_objective = objective::kl;
};

/// The method of a name: greedy (l1), sensitivity, share_sensitivity, table; nested-swap from sensitivities, whose
/// numbers of sizes and rounds may follow, as in nested-swap:4x3 (without: 8x3); trying-swaps, the same with trying_swaps().
/// Throws:   strata::option_error for a name that is none, fewer than two sizes and no rounds.
[[nodiscard]] inline search_method method_named(std::string_view name) {
  search_method method{std::string(name)};
  if (name == "greedy") return method;
  method.base = base_score::sensitivity;
  if (name == "sensitivity") return method;
  if (name == "share_sensitivity") return method.base = base_score::share_sensitivity, method;
  if (name == "table") return method.base = base_score::table, method;
  if (name == "trying-swaps") return method.swap = trying_swaps(), method;
  constexpr std::string_view swap = "nested-swap";
  swap_options options;
  bool known = name == swap;
  if (!known && name.starts_with(swap) && name.substr(swap.size()).starts_with(":")) {
    const std::string_view numbers = name.substr(swap.size() + 1);
    const char* const end = numbers.data() + numbers.size();
    std::size_t sizes = 0;
    const auto first = std::from_chars(numbers.data(), end, sizes);
    if (first.ec == std::errc() && first.ptr != end && *first.ptr == 'x') {
      const auto second = std::from_chars(first.ptr + 1, end, options.rounds);
      known = second.ec == std::errc() && second.ptr == end && sizes >= 2 && sizes <= 1000 && options.rounds >= 1 &&
              options.rounds <= 1000;
    }
    if (known) options.sizes = geometric_sizes(options.sizes.front(), options.sizes.back(), sizes);
  }
  if (!known)
    raise<option_error>(
        "there is no search \"", name,
        "\"; expected greedy, sensitivity, share_sensitivity, table, trying-swaps, nested-swap or, with 2 or more "
        "sizes and 1 or more rounds, nested-swap:SIZESxROUNDS");
  method.swap = std::move(options);
  return method;
}

/// Sizes at which searches are compared.
inline constexpr std::array<double, 8> comparison_sizes{1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.2, 0.4, 1};

/// A prompt, the plain run of it, and what dropped edges contribute. The model, the tokens and what `dropped` points to
/// must outlive it.
template <forward_pass Model>
class search_trial {
 public:
  using scalar = typename Model::scalar;

  /// sizes:    at which traces are measured.
  /// threads:  as trace_options::threads.
  /// Throws:   strata::option_error for sizes or a prompt out of range; what run() throws.
  search_trial(Model& model, std::span<const token_id> tokens, std::vector<double> sizes,
               const ablation<scalar>& dropped = {}, std::size_t threads = 1)
      : model_(&model),
        tokens_(tokens),
        edges_(checked(model.shape(), tokens), tokens.size()),
        sizes_(std::move(sizes)),
        dropped_(dropped),
        threads_(threads),
        logits_((detail::check_threads(threads), run(model, tokens))) {
    check_sizes(sizes_);
    dropped_.require(model.shape(), tokens.size());
  }

  [[nodiscard]] Model& model() const { return *model_; }
  [[nodiscard]] const graph& edges() const { return edges_; }
  [[nodiscard]] std::span<const token_id> tokens() const { return tokens_; }
  [[nodiscard]] std::span<const scalar> logits() const { return logits_; }  // of the plain run
  [[nodiscard]] const std::vector<double>& sizes() const { return sizes_; }

  /// Scores of all edges. Where means or mass means stand for dropped edges, sensitivities rank what an edge contributes
  /// minus these; l1 stays the published one.
  /// target:   logits of the distribution whose most probable token sensitivities are of.
  /// table:    of base_score::table.
  /// Throws:   strata::option_error for a base that needs gradients which the model has not, or a table that is not there.
  /// Cost:     a recorded run, for sensitivities also a run forward and back.
  [[nodiscard]] std::vector<scalar> scores(base_score base, std::span<const scalar> target,
                                           const sensitivity_table* table = nullptr) const {
    switch (base) {
      case base_score::sensitivity:
        return recorded(sensitivity{sensitivities(target)}, minus());
      case base_score::share_sensitivity:
        return recorded(share_sensitivity{sensitivities(target)}, minus());
      case base_score::table:
        if (table == nullptr)
          raise<option_error>("the search \"table\" needs a table of sensitivities, and none is given");
        return recorded(sensitivity{table->of_prompt(model_->shape(), tokens_.size())}, minus());
      default:
        return recorded(l1{}, {});
    }
  }

  /// The order that the method makes of these scores; only nested swap search sees the target.
  [[nodiscard]] edge_order order(const search_method& method, std::span<const scalar> of_edges,
                                 std::span<const scalar> target) const {
    if (!method.swap) return best_first<scalar>(edges_, of_edges, edges_.edge_count());
    if constexpr (differentiable_forward_pass<Model>) {
      const masked_divergence<Model> evaluate(*model_, tokens_, target, method.swap_objective, dropped_);
      return nested_swap<scalar>(edges_, of_edges, evaluate, *method.swap).order;
    } else {
      no_gradient();
    }
  }

  /// The whole search: scores, and what is made of them. towards the target; the prompt's own is logits().
  [[nodiscard]] edge_order find(const search_method& method, std::span<const scalar> target,
                                const sensitivity_table* table = nullptr) const {
    return order(method, scores(method.base, target, table), target);
  }

  /// Total variation between the target and the traces of the order, at each size; an order that is shorter than a size is
  /// taken whole.
  /// tokens:   of the runs: the prompt, or another one of its length.
  /// Throws:   strata::option_error for a prompt of another length.
  /// Cost:     one sweep.
  [[nodiscard]] std::vector<double> variation(const edge_order& order, std::span<const token_id> tokens,
                                              std::span<const scalar> target) const {
    if (tokens.size() != tokens_.size())
      raise<option_error>("the other prompt has ", tokens.size(), " tokens, the prompt ", tokens_.size(),
                          "; they must be equally long");
    const auto all = static_cast<std::size_t>(edges_.edge_count());
    const bool own = std::equal(tokens.begin(), tokens.end(), tokens_.begin());
    std::vector<std::size_t> counts;
    for (const double size : sizes_) {
      const std::size_t count = std::min(static_cast<std::size_t>(edges_at_size(edges_, size)), order.size());
      if (!own || count < all) counts.push_back(count);  // all edges of the prompt are the plain run
    }
    const std::vector<scalar> found =
        run_masked(*model_, tokens, edge_strata(edges_, order, counts), dropped_, {1, threads_});
    const divergence_from<scalar> from(target);
    std::vector<double> values(sizes_.size(), own ? from.total_variation(logits_) : 0);
    for (std::size_t i = 0; i < counts.size(); ++i)
      values[i] = from.total_variation(std::span<const scalar>(found).subspan(i * target.size(), target.size()));
    return values;
  }
  [[nodiscard]] std::vector<double> variation(const edge_order& order) const {
    return variation(order, tokens_, logits_);
  }

 private:
  [[nodiscard]] static model_shape checked(const model_shape& shape, std::span<const token_id> tokens) {
    check_prompt(shape, tokens);
    return shape;
  }

  [[noreturn]] static void no_gradient() {
    raise<option_error>(
        "the search needs gradients, and this forward pass has none: it has to offer forward_backward() "
        "(forward/gradient_hooks.hpp)");
  }

  [[nodiscard]] ablation<scalar> minus() const {
    return dropped_.means != nullptr || dropped_.mass != nullptr ? dropped_ : ablation<scalar>();
  }

  template <class Rule>
  [[nodiscard]] std::vector<scalar> recorded(const Rule& rule, const ablation<scalar>& dropped) const {
    recorder<scalar, Rule> record(edges_, rule, 1e-4, threads_, dropped);
    static_cast<void>(run(*model_, tokens_, record));
    return record.take_scores();
  }

  [[nodiscard]] node_sensitivities sensitivities(std::span<const scalar> target) const {
    if constexpr (differentiable_forward_pass<Model>) {
      sensitivity_options of;
      of.token = static_cast<token_id>(ranking<scalar>(target)[0]);
      return node_sensitivities_of(*model_, tokens_, of);
    } else {
      no_gradient();
    }
  }

  Model* model_;
  std::span<const token_id> tokens_;
  graph edges_;
  std::vector<double> sizes_;
  ablation<scalar> dropped_;
  std::size_t threads_;
  std::vector<scalar> logits_;
};

}  // namespace strata
