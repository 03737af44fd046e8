// A forward pass out of a golden run's own tensors: the stored patterns, values, MLP outputs and embeddings go through
// any hooks, and no model is computed. Serves every architecture.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "strata/graph/graph.hpp"
#include "strata/model/safetensors.hpp"
#include "support/goldens.hpp"

namespace replay {

template <class T>
std::vector<T> narrowed(const std::vector<double>& values) {
  return std::vector<T>(values.begin(), values.end());
}

template <class T>
strata::matrix<T> narrowed(const strata::matrix<double>& values) {
  strata::matrix<T> out(values.rows(), values.cols());
  for (std::size_t i = 0; i < values.values().size(); ++i) out.values()[i] = static_cast<T>(values.values()[i]);
  return out;
}

// The weights of a model, in whichever of its files they are.
class model_weights {
 public:
  explicit model_weights(const std::string& folder)
      : config(nlohmann::json::parse(std::ifstream(folder + "/config.json"))) {
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".safetensors")
        files_.push_back(std::make_unique<strata::safetensors_file>(entry.path().string()));
  }
  bool has(const std::string& name) const { return find(name) != nullptr; }
  strata::matrix<double> matrix(const std::string& name) const {
    const strata::tensor_view& view = find(name)->tensor(name);
    strata::matrix<double> out(view.elements() / view.shape.back(), view.shape.back());
    strata::expand(view, out.values());
    return out;
  }
  std::vector<double> vector(const std::string& name) const {
    if (!has(name)) return {};
    const auto m = matrix(name);
    return {m.values().begin(), m.values().end()};
  }

  nlohmann::json config;

 private:
  const strata::safetensors_file* find(const std::string& name) const {
    for (const auto& file : files_)
      if (file->contains(name)) return file.get();
    return nullptr;
  }
  std::vector<std::unique_ptr<strata::safetensors_file>> files_;
};

template <class T>
class recorded_pass {
 public:
  using scalar = T;

  explicit recorded_pass(const std::string& name) : run_(name) {
    const auto shape = run_.integer("shape");
    const auto size = [&](std::size_t i) { return static_cast<std::size_t>(shape[i]); };
    shape_ = {size(0), size(1), size(3),
              size(5), 0,       shape[6] != 0 ? strata::block_kind::parallel : strata::block_kind::sequential};
    tokens_ = size(2);
    head_width_ = size(4);
    const model_weights weights(goldens::model_folder(name));
    const std::string type = weights.config["model_type"];
    for (std::size_t l = 0; l < shape_.layers; ++l) {
      const std::string n = std::to_string(l);
      const std::string output = type == "gpt2"       ? "transformer.h." + n + ".attn.c_proj"
                                 : type == "gpt_neox" ? "gpt_neox.layers." + n + ".attention.dense"
                                                      : "model.layers." + n + ".self_attn.o_proj";
      const auto stored = narrowed<T>(weights.matrix(output + ".weight"));  // (out, in); gpt2: (in, out)
      layers_.push_back({type == "gpt2" ? stored : strata::matrix<T>(stored.view().transposed()),
                         narrowed<T>(weights.vector(output + ".bias")),
                         {}});
      if (type == "olmo2" || type == "gemma3_text")
        layers_.back().post_gain =
            narrowed<T>(weights.vector("model.layers." + n + ".post_attention_layernorm.weight"));
      if (type == "gemma3_text")
        for (T& g : layers_.back().post_gain) g += 1;
    }
    const std::string last = type == "gpt2"       ? "transformer.ln_f"
                             : type == "gpt_neox" ? "gpt_neox.final_layer_norm"
                                                  : "model.norm";
    final_gain_ = narrowed<T>(weights.vector(last + ".weight"));
    if (type == "gemma3_text")
      for (T& g : final_gain_) g += 1;
    final_bias_ = narrowed<T>(weights.vector(last + ".bias"));
    layer_norm_ = type == "gpt2" || type == "gpt_neox";
    eps_ = weights.config[type == "gpt2"       ? "layer_norm_epsilon"
                          : type == "gpt_neox" ? "layer_norm_eps"
                                               : "rms_norm_eps"];
  }

  const goldens::run& run() const { return run_; }
  strata::model_shape shape() const { return shape_; }
  strata::graph graph() const { return {shape_, tokens_}; }

  // Drives the hooks; check(level, x) sees the residual stream after every join. Returns the final norm's output,
  // (tokens, width).
  template <class Hooks, class Check>
  strata::matrix<T> drive(Hooks& hooks, Check check) const {
    auto x = narrowed<T>(run_.matrix("residual.0"));
    const strata::graph edges = graph();
    for (std::size_t l = 0; l < shape_.layers; ++l) {
      const std::string n = std::to_string(l);
      const auto pattern = narrowed<T>(run_.matrix("pattern." + n));  // (heads · tokens, tokens)
      const auto by_head = narrowed<T>(run_.matrix("values." + n));   // (heads · tokens, head_width)
      strata::matrix<T> values(tokens_, shape_.heads * head_width_);
      strata::matrix<T> mixed(tokens_, shape_.heads * head_width_);
      for (std::size_t h = 0; h < shape_.heads; ++h) {
        for (std::size_t s = 0; s < tokens_; ++s)
          for (std::size_t j = 0; j < head_width_; ++j) values(s, h * head_width_ + j) = by_head(h * tokens_ + s, j);
        strata::matrix<T> weights(pattern.view().row_range(h * tokens_, tokens_));
        hooks.attend(l, h, 0, weights.view());
        strata::detail::product<T>(weights, by_head.view().row_range(h * tokens_, tokens_),
                                   mixed.view().col_range(h * head_width_, head_width_));
      }
      strata::matrix<T> out(tokens_, shape_.width);
      strata::detail::product<T>(mixed, layers_[l].output, out);
      for (std::size_t t = 0; t < tokens_ && !layers_[l].bias.empty(); ++t)
        for (std::size_t j = 0; j < shape_.width; ++j) out(t, j) += layers_[l].bias[j];
      const strata::norm<T> post{strata::norm_kind::rms, layers_[l].post_gain, {}, eps_};
      hooks.join_attention(
          l, x.view(), out.view(),
          {values, layers_[l].output, layers_[l].bias, layers_[l].post_gain.empty() ? nullptr : &post});
      if (!edges.parallel()) check(edges.attention_level(l), x);
      auto mlp = narrowed<T>(run_.matrix("mlp." + n));
      hooks.join_mlp(l, x.view(), mlp.view());
      check(edges.mlp_level(l), x);
    }
    hooks.finish(x.view(),
                 {layer_norm_ ? strata::norm_kind::layer : strata::norm_kind::rms, final_gain_, final_bias_, eps_});
    return x;
  }

 private:
  struct layer {
    strata::matrix<T> output;  // (heads · head_width, width)
    std::vector<T> bias, post_gain;
  };
  goldens::run run_;
  strata::model_shape shape_;
  std::size_t tokens_ = 0, head_width_ = 0;
  std::vector<layer> layers_;
  std::vector<T> final_gain_, final_bias_;
  bool layer_norm_ = false;
  double eps_ = 0;
};

}  // namespace replay
