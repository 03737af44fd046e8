// Included before everything else in every test: a violated contract becomes an exception that a test can ask for.
#pragma once

#include <stdexcept>

struct contract_violation : std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] inline void throw_contract_violation(const char*, const char* message, const char*, int) {
  throw contract_violation(message);
}

#define STRATA_ASSERT_HANDLER throw_contract_violation
