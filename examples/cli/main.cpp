// The program strata: traces prompts, and tells about models.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "arguments.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "on_screen.hpp"
#include "options.hpp"
#include "strata/core/error.hpp"
#include "strata/core/version.hpp"

namespace {

int fail(int code, std::string what) {
  std::fprintf(stderr, "%sstrata: %s\n", cli::detail::progress_shown != 0 ? "\r\033[K" : "",
               cli::one_line(std::move(what)).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int failed = 1, wrong_use = 2;
  cli::leave_on_interrupt();
  cli::arguments given;
  CLI::App app("strata: which part of a language model's computation made a prediction", "strata");
  app.set_version_flag("--version", std::string("strata ") + strata::version);
  app.require_subcommand(1);
  cli::options options(app, given);
  options.define_trace();
  options.define_evaluate();
  options.define_generate();
  options.define_reference();
  options.define_calibrate();
  options.define_compare_searches();
  options.define_info();
  const std::pair<const char*, void (*)(const cli::arguments&)> commands[] = {
      {"trace", cli::trace},
      {"evaluate", cli::evaluate},
      {"generate", cli::generate},
      {"reference", cli::reference},
      {"calibrate", cli::calibrate},
      {"compare-searches", cli::compare_searches},
      {"info", cli::info}};
  try {
    app.parse(argc, argv);
    for (const auto& [name, command] : commands)
      if (app.got_subcommand(name)) command(given);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return fail(failed, "the output could not be written");
    return 0;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return fail(wrong_use, std::string(e.what()) + " (strata --help tells more)");
  } catch (const strata::option_error& e) {
    return fail(wrong_use, e.what());
  } catch (const std::bad_alloc&) {
    return fail(failed, "not enough memory");
  } catch (const std::exception& e) {
    return fail(failed, e.what());
  }
}
