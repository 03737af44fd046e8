/// Everything of the core: graph, measure, forward, score, search and their composition.
#pragma once

#include "strata/core/contract.hpp"
#include "strata/core/error.hpp"
#include "strata/core/matrix.hpp"
#include "strata/core/matrix_view.hpp"
#include "strata/core/version.hpp"
