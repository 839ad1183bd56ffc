#include <algorithm>
#include <bit>
#include <cfloat>

#include "check.h"
#include "random.h"
#include "reference.h"

#define JG_TIER_NS scalar
#include "simd_tests.h"
