// The commands of the program.
#pragma once

#include "arguments.hpp"

namespace cli {

void trace(const arguments& given);
void evaluate(const arguments& given);
void generate(const arguments& given);
void info(const arguments& given);
void reference(const arguments& given);
void calibrate(const arguments& given);
void compare_searches(const arguments& given);

}  // namespace cli
