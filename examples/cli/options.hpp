// The options of the commands.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "strata/model/json_text.hpp"
#include "strata/score/any_rule.hpp"
#include "strata/select.hpp"

namespace cli {

class options {
 public:
  options(CLI::App& app, arguments& given) : app_(app), given_(given) {}

  void define_trace() {
    CLI::App* const to =
        command("trace", "Find the part of the model's computation that made its next-token prediction");
    prompt(to);
    sizes(to);
    text(to, "--target", given_.target, "ID", "Also measure this token: probability, cross-entropy, rank");
    one_of(text(to, "--search", given_.search, "HOW",
                "greedy (default): the largest contributions first; sensitivity: those that the prediction depends on, "
                "which takes a backward pass; nested-swap: swaps edges along gradients too, about 30 backward passes; "
                "trying-swaps: tries several swaps each time, often better, a fifth slower"),
           std::vector<std::string>{"greedy", "sensitivity", "nested-swap", "trying-swaps"});
    text(to, "--budget", given_.budget, "N",
         "For --search nested-swap and trying-swaps: at most N gradients, those of the smallest sizes first (default: "
         "32)");
    one_of(text(to, "--objective", given_.objective, "WHAT",
                "For these searches: what they make small, kl (default), jensen_shannon, total_variation"),
           strata::objective_names);
    one_of(text(to, "--score", given_.score, "RULE",
                "How edges are ranked: l1 (default of --search greedy), " + list(strata::rule_names)),
           strata::rule_names);
    text(to, "--leverage-k", given_.leverage_k, "K", "For --score leverage: so many singular vectors (default: 3)");
    named(
        text(to, "--sensitivity", given_.sensitivity, "FILE",
             "For --score sensitivity and share_sensitivity: what strata calibrate wrote (default: a backward pass)"));
    sensitivity_of(to);
    to->add_flag("--minus-dropped", given_.minus_dropped,
                 "Score what an edge contributes minus what stands for it when it is dropped (--ablation mean, "
                 "resample, mass-mean)");
    one_of(text(to, "--select", given_.select, "HOW",
                "How traces are taken: best_first (default), random_connected, top_scores; threshold and nucleus, "
                "which need --tau, give one trace"),
           strata::selection_names);
    text(to, "--tau", given_.tau, "T",
         "Keep scores above it (threshold), or the best scores of each node that add up to it (nucleus)");
    text(to, "--seed", given_.seed, "N", "Of random scores and random traces (default: 0)");
    text(to, "--freeze", given_.freeze, "WHAT",
         "Keep these as soon as their targets are reached, without counting them: attention, mlp, L3, L3.H5, parted "
         "by commas");
    to->add_flag("--inverse", given_.inverse, "Run what the traces leave out, with all residual edges");
    to->add_flag("--published", given_.published,
                 "The ways of the published code: attention mask ignored, scores as halves, frozen edges counted, "
                 "random traces with all residual edges (docs/method.md)");
    ablation(to);
    text(to, "--metric", given_.metric, "METRIC",
         "Also measure faithfulness of log_probability:TOKEN or logit_difference:TOKEN:TOKEN (ids), with its areas");
    named(text(to, "--json", given_.json, "FILE", "Also write everything to this file (docs/json.md)"));
    to->add_flag("--states", given_.states, "In the JSON: the path of the final state over the sizes");
    to->add_flag("--components", given_.components, "In the JSON: edges of every size by layer and head");
    named(text(to, "--edges", given_.edges, "FILE",
               "Write the edges in their order: .csv, or .npz for numpy (docs/files.md)"));
    named(text(to, "--masks", given_.masks, "FILE", "Write the traces as masks, for strata evaluate"));
    named(text(to, "--dot", given_.dot, "FILE", "Write a small trace for Graphviz: the smallest with TV < 0.2"));
    named(text(to, "--graphml", given_.graphml, "FILE", "The same as GraphML"));
    text(to, "--drawn-size", given_.drawn, "SIZE", "Draw this one of the sizes");
    to->add_flag("--controls", given_.controls,
                 "Also run what would explain nothing, such as this trace on another prompt (docs/search.md)");
    text(to, "--control-text", given_.control_text, "TEXT",
         "The other prompt of --controls, as long or longer (default: random tokens, but for the first)");
    limits(to);
  }

  void define_evaluate() {
    CLI::App* const to = command(
        "evaluate", "Run masks from a file on a prompt of their length, which may be another than they were made of");
    prompt(to);
    named(text(to, "--mask", given_.mask, "FILE", "What trace --masks wrote"))->required();
    text(to, "--noise", given_.noise, "PLACES", "Put random tokens at these places of the prompt, from 0: 2,3");
    text(to, "--seed", given_.seed, "N", "Of the noise (default: 0)");
    text(to, "--target", given_.target, "ID", "Also measure this token: probability, cross-entropy, rank");
    ablation(to);
    named(text(to, "--json", given_.json, "FILE", "Also write everything to this file (docs/json.md)"));
    limits(to);
  }

  void define_generate() {
    CLI::App* const to = command("generate", "Let the model go on with a text, and trace each of its tokens");
    prompt(to);
    text(to, "--length", given_.length, "N", "Tokens to generate at most; end-of-text ends it (default: 20)");
    text(to, "--every", given_.every, "N", "Trace the first token and every N-th after it (default: 1; 0: none)");
    text(to, "--temperature", given_.temperature, "T",
         "Draw tokens, with logits divided by T (default: 1 with --top-p or --seed, otherwise 0: the most probable "
         "token)");
    text(to, "--top-p", given_.top_p, "P", "Draw from the nucleus of this probability, in (0, 1] (default: 1)");
    text(to, "--seed", given_.seed, "N", "Of the draws; the same seed draws the same tokens (default: 0)");
    sizes(to);
    attention_mask(to);
    named(text(to, "--json", given_.json, "FILE", "Also write everything to this file (docs/json.md)"));
    limits(to);
  }

  void define_reference() {
    CLI::App* const to =
        command("reference", "Average what edges contribute over reference prompts, for --ablation mean and mass-mean");
    named(text(to, "--prompts", given_.prompts, "FILE",
               "One prompt a line, up to a tab; - is standard input. Shorter ones are left out"))
        ->required();
    text(to, "--tokens", given_.prompt_length, "N",
         "Tokens of each prompt that are used, as many as the longest prompt to trace has")
        ->required();
    some_prompts(to);
    named(text(to, "--out", given_.out, "FILE", "The file to write"))->required();
    to->add_flag("--mass-mean", given_.mass_mean,
                 "Only the mean outputs of heads, for --ablation mass-mean and prompts of any length: a small file");
    begin_of_text(to);
    limits(to);
  }

  void define_calibrate() {
    CLI::App* const to =
        command("calibrate", "Average over prompts by how much predictions depend on nodes, for --score sensitivity");
    named(text(to, "--prompts", given_.prompts, "FILE", "One prompt a line, up to a tab; - is standard input"))
        ->required();
    text(to, "--tokens", given_.prompt_length, "N", "Use only the first N tokens of each prompt");
    some_prompts(to);
    sensitivity_of(to);
    named(text(to, "--out", given_.out, "FILE", "The file to write"))->required();
    begin_of_text(to);
    limits(to);
  }

  void define_compare_searches() {
    CLI::App* const to =
        command("compare-searches",
                "Compare searches over prompts: how far the model is from traces of each size, what the "
                "searches take, and controls");
    named(text(to, "--prompts", given_.prompts, "FILE",
               "One prompt a line, up to a tab; - is standard input. Shorter ones are left out"))
        ->required();
    text(to, "--tokens", given_.prompt_length, "N", "Use the first N tokens of each prompt")->required();
    some_prompts(to);
    text(to, "--searches", given_.searches, "LIST",
         "Searches beside greedy, parted by commas: sensitivity, share_sensitivity, table (with --sensitivity), "
         "nested-swap (8 sizes, 3 rounds), nested-swap:SIZESxROUNDS, trying-swaps (default: "
         "sensitivity,share_sensitivity,nested-swap:4x3,nested-swap)");
    named(text(to, "--sensitivity", given_.sensitivity, "FILE", "For the search table: what strata calibrate wrote"));
    one_of(text(to, "--objective", given_.objective, "WHAT",
                "What nested swap makes small: kl (default), jensen_shannon, total_variation"),
           strata::objective_names);
    to->add_flag("--no-controls", given_.no_controls, "Leave out the controls, which are of the last search");
    text(to, "--sizes", given_.sizes, "LIST",
         "Sizes as shares of all edges, rising, in (0, 1] (default: 0.001,0.003,0.01,0.03,0.1,0.2,0.4,1)");
    text(to, "--seed", given_.seed, "N", "Of random traces and permutations (default: 0)");
    ablation(to);
    named(text(to, "--json", given_.json, "FILE", "Also write everything to this file (docs/json.md)"));
    begin_of_text(to);
    limits(to);
  }

  void define_info() {
    CLI::App* const to = command("info", "Shape, parameters and number of edges of a model; what a trace takes");
    text(to, "--tokens", given_.prompt_length, "N", "Length of the prompt that is to be traced (default: the context)");
    text(to, "--max-size", given_.max_size, "SIZE", "The largest size of the trace (default: 1)");
    limits(to);
  }

 private:
  CLI::App* command(const char* name, const char* what) {
    CLI::App* const to = app_.add_subcommand(name, what);
    named(text(to, "--model", given_.model, "MODEL",
               "Folder with config.json, safetensors files and tokenizer.json, or a GGUF file (default: the bundled "
               "model)"));
    return to;
  }

  void prompt(CLI::App* to) {
    auto* const group = to->add_option_group("Prompt", "one of:");
    text(group, "--text", given_.text, "TEXT", "The prompt itself");
    named(text(group, "--file", given_.file, "FILE", "A file with the prompt; - is standard input"));
    text(group, "--tokens", given_.tokens, "IDS", "Token ids: 1,2,3");
    begin_of_text(to);
  }

  void begin_of_text(CLI::App* to) {
    auto* const with =
        to->add_flag("--bos", given_.bos, "Put the begin-of-text token before the text, whatever the tokenizer says");
    to->add_flag("--no-bos", given_.no_bos, "Do not put it there")->excludes(with);
  }

  void sizes(CLI::App* to) {
    text(to, "--sizes", given_.sizes, "LIST",
         "Sizes as shares of all edges, rising, in (0, 1]: 0.001,0.01,0.1 (default: the published 27); mib: those of "
         "the MIB benchmark");
    text(to, "--max-size", given_.max_size, "SIZE", "Leave larger sizes out; the search ends there");
  }

  void some_prompts(CLI::App* to) {
    text(to, "--skip", given_.skip, "N", "Leave out the first N prompts of the file");
    text(to, "--limit", given_.limit, "N", "Use only N prompts");
  }

  void sensitivity_of(CLI::App* to) {
    text(to, "--sensitivity-of", given_.sensitivity_of, "WHAT",
         "Whose gradient makes sensitivities: top:K, the log-probabilities of the K most probable tokens, or random:N, "
         "N sums of logits with random signs (default: top:1)");
  }

  void attention_mask(CLI::App* to) {
    one_of(text(to, "--attention-mask", given_.attention_mask, "HOW",
                "What dropping an attention edge does: after_softmax (default), before_softmax, ignored"),
           std::vector<std::string>{"after_softmax", "before_softmax", "ignored"});
  }

  void ablation(CLI::App* to) {
    attention_mask(to);
    one_of(text(to, "--ablation", given_.ablation, "HOW",
                "What dropped edges contribute: zero (default), mean (of reference prompts), resample (of another "
                "prompt), mass-mean (attention edges only: their weight of the head's mean output)"),
           std::vector<std::string>{"zero", "mean", "resample", "mass-mean"});
    named(text(to, "--reference", given_.reference, "FILE",
               "For --ablation mean: what strata reference wrote; for mass-mean: what reference --mass-mean wrote "
               "(default: the prompt's own means)"));
    text(to, "--resample-text", given_.resample_text, "TEXT",
         "For --ablation resample: a prompt with as many tokens, whose edges stand in");
    text(to, "--resample-tokens", given_.resample_tokens, "IDS", "The same as token ids");
    to->add_flag("--causal-mean", given_.causal_mean,
                 "For --ablation mass-mean: means over the tokens up to the edge's target, not over the whole prompt");
    to->add_flag("--frozen-pattern", given_.frozen_pattern, "Run masks with the attention weights of the full run");
    to->add_flag("--rescale-nodes", given_.rescale_nodes, "Give every node that is not zero its norm in the full run");
  }

  void limits(CLI::App* to) {
    text(to, "--threads", given_.threads, "N",
         "Threads; the result is the same for any number (default: all processors, OMP_NUM_THREADS)");
    text(to, "--max-memory", given_.max_memory, "SIZE",
         "Memory that the run may take, such as 500M or 8G (default: 80 % of the machine's): above it weights are "
         "expanded layer by layer and scores computed again");
  }

  template <class Value>
  static CLI::Option* text(CLI::App* to, const char* name, Value& value, const char* value_name,
                           const std::string& what) {
    return to
        ->add_option_function<std::string>(
            name, [&value](const std::string& given) { value = given; }, what)
        ->type_name(value_name);
  }

  static CLI::Option* named(CLI::Option* option) {
    return option->check(
        CLI::Validator([](const std::string& name) { return name.empty() ? "the name is empty" : ""; }, ""));
  }

  // "l2, cosine": all names but the first.
  template <class Names>
  static std::string list(const Names& names) {
    std::string all;
    for (auto name = names.begin() + 1; name != names.end(); ++name)
      all += (all.empty() ? "" : ", ") + std::string(*name);
    return all;
  }

  template <class Names>
  static void one_of(CLI::Option* option, const Names& names) {
    option->check(CLI::Validator(
        [known = std::vector<std::string>(names.begin(), names.end())](const std::string& name) {
          if (std::find(known.begin(), known.end(), name) != known.end()) return std::string();
          std::string expected;
          for (std::size_t i = 0; i < known.size(); ++i)
            expected += (i == 0 ? "" : i + 1 < known.size() ? ", " : " or ") + known[i];
          return "expected " + expected + ", found " + strata::detail::in_quotes(name);
        },
        ""));
  }

  CLI::App& app_;
  arguments& given_;
};

}  // namespace cli
