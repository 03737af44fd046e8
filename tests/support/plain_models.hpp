// Forward passes of six families, written as a stranger would write one: double precision, plain loops, clarity over
// speed, with the hook calls in them. They stand in for plug-in models in the tests, and make an implementer's mistakes
// on request.
#pragma once

#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strata/core/matrix.hpp"
#include "strata/detail/product.hpp"
#include "strata/forward/hooks.hpp"
#include "support/replay.hpp"

namespace plain {

using strata::matrix;
using strata::matrix_view;
using index = std::size_t;

// What an implementer can get wrong.
enum class mistake {
  none,
  hooks_get_a_copy,         // attend is given a copy of the weights
  own_residual_stream,      // join_attention is given a copy of x, and the pass adds by itself
  values_without_bias,      // parts.values lack the value bias
  values_expanded_wrongly,  // key/value heads repeated in the wrong order
  output_transposed,        // parts.output is the transposed matrix
  bias_not_told,            // parts.output_bias is missing
  weights_transposed,       // attend is given (source, target)
  row0_without_batch,       // row0 forgets the sequence of the batch
  post_norm_not_told,       // applied by the pass, and not told (pre-norm models: a norm too many)
  mlp_reads_block_input,    // the MLP reads x from before attention
  own_final_norm,           // finish is given a copy and a wrong gain
  something_else_added,     // a part of the embedding is added to x between the joins
  scores_before_softmax,    // attend is given the scores, before the softmax
  values_cached,            // values of a clean run are used again
  key_value_head_as_head,   // attend is called once for each key/value head
  heads_in_other_order,     // attend counts heads from the other end
  out_without_bias,         // out lacks the bias that parts tell
};
inline constexpr int mistakes = 17;  // beside none

class model {
 public:
  using scalar = double;

  explicit model(const std::string& golden) : weights_(goldens::model_folder(golden)) {
    const auto& c = weights_.config;
    type_ = c["model_type"];
    const bool gpt2 = type_ == "gpt2";
    shape_.layers = c[gpt2 ? "n_layer" : "num_hidden_layers"];
    shape_.heads = c[gpt2 ? "n_head" : "num_attention_heads"];
    shape_.width = c[gpt2 ? "n_embd" : "hidden_size"];
    shape_.vocabulary = c["vocab_size"];
    if (type_ == "gpt_neox" && c["use_parallel_residual"]) shape_.block = strata::block_kind::parallel;
    kv_heads_ = c.value("num_key_value_heads", shape_.heads);
    head_width_ = c.contains("head_dim") ? index(c["head_dim"]) : shape_.width / shape_.heads;
    eps_ = gpt2 ? c["layer_norm_epsilon"] : type_ == "gpt_neox" ? c["layer_norm_eps"] : c["rms_norm_eps"];
  }

  mistake with = mistake::none;
  bool only_last_row_at_the_end = false;  // compute only the last token in the last layer
  bool record_values = true;              // for mistake::values_cached

  strata::model_shape shape() const { return shape_; }

  template <class Hooks>
  std::vector<double> forward(std::span<const strata::token_id> tokens, Hooks& hooks, index batch = 1) {
    const index T = tokens.size();
    const auto x = residual_stream(tokens, hooks, batch);
    matrix<double> last(batch, shape_.width);
    for (index b = 0; b < batch; ++b)
      for (index j = 0; j < shape_.width; ++j) last(b, j) = x(x.rows() == batch ? b : b * T + T - 1, j);
    const auto y = unembedded(last);
    return {y.values().begin(), y.values().end()};
  }

  // Logits of all positions: (tokens, vocabulary).
  template <class Hooks>
  matrix<double> all_logits(std::span<const strata::token_id> tokens, Hooks& hooks) {
    return unembedded(residual_stream(tokens, hooks, 1));
  }

 private:
  template <class Hooks>
  matrix<double> residual_stream(std::span<const strata::token_id> tokens, Hooks& hooks, index batch) {
    const index L = shape_.layers, H = shape_.heads, T = tokens.size(), dh = head_width_;
    matrix<double> x = embedded(tokens, batch);
    const matrix<double> embedding = x;
    for (index l = 0; l < L; ++l) {
      const names n = names_of(l);
      matrix<double> block_input = x;
      matrix<double> h = n.before_attention.empty() ? x : normed(norm(n.before_attention), x);
      matrix<double> q, k, v;
      project(n, h, q, k, v);
      if (with == mistake::values_cached) {
        if (record_values) cached_[l] = v;
        for (index r = 0; r < v.rows(); ++r)
          for (index j = 0; j < v.cols(); ++j) v(r, j) = cached_.at(l)(r % T, j);
      }
      std::vector<index> rows;
      if (only_last_row_at_the_end && l + 1 == L) {
        for (index b = 0; b < batch; ++b) rows.push_back(b * T + T - 1);
        x = picked(x, rows), q = picked(q, rows), block_input = picked(block_input, rows);
      }
      const matrix<double> mixed = attention(l, q, k, v, T, batch, hooks);
      matrix<double> out = times(mixed, n.output);
      const matrix<double> out_without_bias = out;
      add_bias(out, n.output);
      matrix<double> mlp_of_parallel;
      if (shape_.block == strata::block_kind::parallel) mlp_of_parallel = mlp(n, x);

      matrix<double> told_values = v;
      if (with == mistake::values_without_bias)
        add_bias(told_values, "model.layers." + std::to_string(l) + ".self_attn.v_proj", -1);
      if (with == mistake::values_expanded_wrongly) {
        told_values = matrix<double>(v.rows(), H * dh);
        for (index r = 0; r < v.rows(); ++r)
          for (index j = 0; j < H * dh; ++j) told_values(r, j) = v(r, j / dh % kv_heads_ * dh + j % dh);
      }
      const matrix<double>& stored = weight(n.output);
      const std::vector<double> bias =
          with == mistake::bias_not_told ? std::vector<double>{} : weights_.vector(n.output + ".bias");
      const bool has_post = !n.after_attention.empty();
      const strata::norm<double> post = norm(has_post ? n.after_attention : n.before_attention);
      const bool transposed = (type_ == "gpt2") == (with == mistake::output_transposed);
      strata::attention_parts<double> parts{told_values, transposed ? stored.view().transposed() : stored.view(), bias,
                                            has_post ? &post : nullptr};
      if (with == mistake::post_norm_not_told) out = normed(post, out), parts.post_norm = nullptr;
      if (with == mistake::own_residual_stream) {
        matrix<double> copy = x, out_copy = out;
        hooks.join_attention(l, copy.view(), out_copy.view(), parts, rows);
        if (has_post) out = normed(post, out);
        for (index i = 0; i < x.values().size(); ++i) x.values()[i] += out.values()[i];
      } else {
        if (with == mistake::out_without_bias) out = out_without_bias;
        hooks.join_attention(l, x.view(), out.view(), parts, rows);
      }
      if (with == mistake::something_else_added && l == 1)
        for (index r = 0; r < x.rows(); ++r)
          for (index j = 0; j < x.cols(); ++j) x(r, j) += 0.1 * embedding(r, j);
      matrix<double> m = shape_.block == strata::block_kind::parallel ? mlp_of_parallel
                         : with == mistake::mlp_reads_block_input     ? mlp(n, block_input)
                                                                      : mlp(n, x);
      hooks.join_mlp(l, x.view(), m.view(), rows);
    }
    const std::string last = type_ == "gpt2"       ? "transformer.ln_f"
                             : type_ == "gpt_neox" ? "gpt_neox.final_layer_norm"
                                                   : "model.norm";
    if (with == mistake::own_final_norm) {
      strata::norm<double> told = norm(last);
      const std::vector<double> ones(shape_.width, 1.0);
      told.gain = ones;
      matrix<double> copy = x;
      hooks.finish(copy.view(), told);
      return normed(norm(last), x);
    }
    hooks.finish(x.view(), norm(last));
    return x;
  }

  struct names {
    std::string before_attention, after_attention, before_mlp, after_mlp, attention, output, mlp;
  };
  names names_of(index l) const {
    const std::string n = std::to_string(l);
    if (type_ == "gpt2")
      return {"transformer.h." + n + ".ln_1",        "",
              "transformer.h." + n + ".ln_2",        "",
              "transformer.h." + n + ".attn.c_attn", "transformer.h." + n + ".attn.c_proj",
              "transformer.h." + n + ".mlp."};
    if (type_ == "gpt_neox")
      return {"gpt_neox.layers." + n + ".input_layernorm",
              "",
              "gpt_neox.layers." + n + ".post_attention_layernorm",
              "",
              "gpt_neox.layers." + n + ".attention.query_key_value",
              "gpt_neox.layers." + n + ".attention.dense",
              "gpt_neox.layers." + n + ".mlp."};
    const std::string p = "model.layers." + n + ".";
    names out{p + "input_layernorm",  "",        p + "post_attention_layernorm", "", p + "self_attn.",
              p + "self_attn.o_proj", p + "mlp."};
    if (type_ == "olmo2")
      out.before_attention = out.before_mlp = "", out.after_attention = p + "post_attention_layernorm",
      out.after_mlp = p + "post_feedforward_layernorm";
    if (type_ == "gemma3_text")
      out.after_attention = p + "post_attention_layernorm", out.before_mlp = p + "pre_feedforward_layernorm",
      out.after_mlp = p + "post_feedforward_layernorm";
    return out;
  }

  // Weights, kept once read.
  const matrix<double>& weight(const std::string& name) {
    const auto found = matrices_.find(name);
    return found != matrices_.end() ? found->second
                                    : matrices_.emplace(name, weights_.matrix(name + ".weight")).first->second;
  }
  strata::norm<double> norm(const std::string& name) {
    if (name.empty()) return {strata::norm_kind::rms, {}, {}, eps_};
    auto [at, fresh] = vectors_.try_emplace(name);
    if (fresh) {
      at->second = {weights_.vector(name + ".weight"), weights_.vector(name + ".bias")};
      if (type_ == "gemma3_text")
        for (double& g : at->second.first) g += 1;
    }
    return {type_ == "gpt2" || type_ == "gpt_neox" ? strata::norm_kind::layer : strata::norm_kind::rms,
            at->second.first, at->second.second, eps_};
  }
  static matrix<double> normed(const strata::norm<double>& n, matrix<double> x) {
    for (index r = 0; r < x.rows(); ++r) n.apply(x.row(r));
    return x;
  }
  matrix<double> times(const matrix<double>& x, const std::string& name) {
    const matrix<double>& w = weight(name);
    const auto view = type_ == "gpt2" && name.find("wte") == std::string::npos ? w.view() : w.view().transposed();
    matrix<double> y(x.rows(), view.cols);
    strata::detail::product<double>(x, view, y);
    return y;
  }
  void add_bias(matrix<double>& y, const std::string& name, double factor = 1) {
    const auto bias = weights_.vector(name + ".bias");
    for (index r = 0; r < y.rows() && !bias.empty(); ++r)
      for (index j = 0; j < y.cols(); ++j) y(r, j) += factor * bias[j];
  }
  matrix<double> linear(const matrix<double>& x, const std::string& name) {
    matrix<double> y = times(x, name);
    add_bias(y, name);
    return y;
  }
  static matrix<double> picked(const matrix<double>& x, const std::vector<index>& rows) {
    matrix<double> y(rows.size(), x.cols());
    for (index r = 0; r < rows.size(); ++r)
      for (index j = 0; j < x.cols(); ++j) y(r, j) = x(rows[r], j);
    return y;
  }

  matrix<double> embedded(std::span<const strata::token_id> tokens, index batch) {
    const index T = tokens.size();
    const auto& table = weight(type_ == "gpt2"       ? "transformer.wte"
                               : type_ == "gpt_neox" ? "gpt_neox.embed_in"
                                                     : "model.embed_tokens");
    matrix<double> x(T * batch, shape_.width);
    for (index r = 0; r < x.rows(); ++r)
      for (index j = 0; j < shape_.width; ++j) {
        x(r, j) = table(index(tokens[r % T]), j);
        if (type_ == "gpt2") x(r, j) += weight("transformer.wpe")(r % T, j);
        if (type_ == "gemma3_text") x(r, j) *= std::sqrt(double(shape_.width));
      }
    return x;
  }
  matrix<double> unembedded(const matrix<double>& x) {
    if (type_ == "gpt2") {
      matrix<double> y(x.rows(), shape_.vocabulary);
      strata::detail::product<double>(x, weight("transformer.wte").view().transposed(), y);
      return y;
    }
    return times(x, type_ == "gpt_neox"              ? "embed_out"
                    : weights_.has("lm_head.weight") ? "lm_head"
                                                     : "model.embed_tokens");
  }

  void project(const names& n, const matrix<double>& h, matrix<double>& q, matrix<double>& k, matrix<double>& v) {
    const index H = shape_.heads, dh = head_width_;
    if (type_ == "gpt2" || type_ == "gpt_neox") {
      const auto qkv = linear(h, n.attention);  // gpt2: q, k, v; gpt_neox: q, k, v of each head
      const auto take = [&](index part) {
        matrix<double> y(h.rows(), H * dh);
        for (index r = 0; r < y.rows(); ++r)
          for (index j = 0; j < H * dh; ++j)
            y(r, j) = qkv(r, type_ == "gpt2" ? part * H * dh + j : (3 * (j / dh) + part) * dh + j % dh);
        return y;
      };
      q = take(0), k = take(1), v = take(2);
    } else {
      q = linear(h, n.attention + "q_proj"), k = linear(h, n.attention + "k_proj"),
      v = linear(h, n.attention + "v_proj");
    }
    if (type_ == "olmo2") q = normed(norm(n.attention + "q_norm"), q), k = normed(norm(n.attention + "k_norm"), k);
    if (type_ == "gemma3_text")
      for (auto* m : {&q, &k})
        for (index r = 0; r < m->rows(); ++r)
          for (index i = 0; i < m->cols() / dh; ++i)
            norm(n.attention + (m == &q ? "q_norm" : "k_norm")).apply(m->row(r).subspan(i * dh, dh));
  }

  // Half-split rotary on the first `turned` components of each head.
  void rotate(matrix<double>& m, index row, index token, double theta, index turned, double factor) const {
    for (index head = 0; head < m.cols() / head_width_; ++head)
      for (index i = 0; i < turned / 2; ++i) {
        const double angle = double(token) * std::pow(theta, -2.0 * double(i) / double(turned)) / factor;
        double &a = m(row, head * head_width_ + i), &b = m(row, head * head_width_ + i + turned / 2);
        const double x = a, y = b;
        a = x * std::cos(angle) - y * std::sin(angle);
        b = y * std::cos(angle) + x * std::sin(angle);
      }
  }

  template <class Hooks>
  matrix<double> attention(index l, matrix<double> q, matrix<double> k, const matrix<double>& v, index T, index batch,
                           Hooks& hooks) {
    const auto& c = weights_.config;
    const index H = shape_.heads, dh = head_width_, n = q.rows() / batch, group = H / kv_heads_;
    const bool local = type_ == "gemma3_text" && c["layer_types"][l] == "sliding_attention";
    const index window = local ? index(c["sliding_window"]) : T;
    if (type_ != "gpt2") {
      const double theta = local                 ? c["rope_local_base_freq"]
                           : type_ == "gpt_neox" ? c["rotary_emb_base"]
                                                 : c["rope_theta"];
      const double factor = type_ == "gemma3_text" && !local ? double(c["rope_scaling"]["factor"]) : 1;
      const index turned = type_ == "gpt_neox" ? index(double(dh) * double(c["rotary_pct"])) : dh;
      for (index r = 0; r < q.rows(); ++r) rotate(q, r, T - n + r % n, theta, turned, factor);
      for (index r = 0; r < k.rows(); ++r) rotate(k, r, r % T, theta, turned, factor);
    }
    const double scale = 1 / std::sqrt(type_ == "gemma3_text" ? double(c["query_pre_attn_scalar"]) : double(dh));
    matrix<double> mixed(q.rows(), H * dh);
    for (index b = 0; b < batch; ++b)
      for (index h = 0; h < H; ++h) {
        matrix<double> a(n, T);
        for (index i = 0; i < n; ++i)
          for (index s = 0; s <= T - n + i; ++s)
            for (index j = 0; j < dh; ++j)
              a(i, s) += scale * q(b * n + i, h * dh + j) * k(b * T + s, h / group * dh + j);
        const index row0 = b * T + T - n;
        if (with == mistake::scores_before_softmax) hooks.attend(l, h, row0, a.view());
        for (index i = 0; i < n; ++i) {
          const index t = T - n + i, first = t + 1 > window ? t + 1 - window : 0;
          double largest = a(i, first), sum = 0;
          for (index s = first; s <= t; ++s) largest = std::max(largest, a(i, s));
          for (index s = 0; s < T; ++s) sum += a(i, s) = s >= first && s <= t ? std::exp(a(i, s) - largest) : 0;
          for (index s = 0; s < T; ++s) a(i, s) /= sum;
        }
        call_attend(hooks, l, h, row0, b, T, group, a);
        strata::detail::product<double>(a, v.view().row_range(b * T, T).col_range(h / group * dh, dh),
                                        mixed.view().row_range(b * n, n).col_range(h * dh, dh));
      }
    return mixed;
  }

  template <class Hooks>
  void call_attend(Hooks& hooks, index l, index h, index row0, index b, index T, index group, matrix<double>& a) const {
    switch (with) {
      case mistake::hooks_get_a_copy: {
        matrix<double> copy = a;
        return hooks.attend(l, h, row0, copy.view());
      }
      case mistake::weights_transposed: {
        matrix<double> turned(matrix_view<const double>(a.view().transposed()));
        hooks.attend(l, h, row0, turned.view());
        a = matrix<double>(matrix_view<const double>(turned.view().transposed()));
        return;
      }
      case mistake::row0_without_batch:
        return hooks.attend(l, h, row0 - b * T, a.view());
      case mistake::key_value_head_as_head:
        if (h % group == 0) hooks.attend(l, h / group, row0, a.view());
        return;
      case mistake::heads_in_other_order:
        return hooks.attend(l, shape_.heads - 1 - h, row0, a.view());
      case mistake::scores_before_softmax:
        return;
      default:
        return hooks.attend(l, h, row0, a.view());
    }
  }

  matrix<double> mlp(const names& n, const matrix<double>& x) {
    const matrix<double> h = n.before_mlp.empty() ? x : normed(norm(n.before_mlp), x);
    const auto gelu_tanh = [](double a) {
      return 0.5 * a * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (a + 0.044715 * a * a * a)));
    };
    const bool gated = type_ != "gpt2" && type_ != "gpt_neox";
    matrix<double> inner = linear(h, n.mlp + (gated ? "gate_proj" : type_ == "gpt2" ? "c_fc" : "dense_h_to_4h"));
    for (double& a : inner.values())
      a = type_ == "gpt2" || type_ == "gemma3_text" ? gelu_tanh(a)
          : type_ == "gpt_neox"                     ? 0.5 * a * (1 + std::erf(a / std::sqrt(2.0)))
                                                    : a / (1 + std::exp(-a));
    if (gated) {
      const auto up = linear(h, n.mlp + "up_proj");
      for (index i = 0; i < inner.values().size(); ++i) inner.values()[i] *= up.values()[i];
    }
    auto out = linear(inner, n.mlp + (gated ? "down_proj" : type_ == "gpt2" ? "c_proj" : "dense_4h_to_h"));
    return n.after_mlp.empty() ? out : normed(norm(n.after_mlp), out);
  }

  replay::model_weights weights_;
  std::string type_;
  strata::model_shape shape_;
  index kv_heads_ = 0, head_width_ = 0;
  double eps_ = 0;
  std::map<std::string, matrix<double>> matrices_;
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> vectors_;
  std::map<index, matrix<double>> cached_;
};

// The golden models whose family this file knows.
inline const std::vector<std::string>& models() {
  static const std::vector<std::string> names{"llama",    "llama_T1",     "llama_T2", "llama_bias", "gpt2",
                                              "gpt_neox", "gpt_neox_seq", "olmo2",    "olmo2_bias", "gemma3_text"};
  return names;
}

}  // namespace plain
