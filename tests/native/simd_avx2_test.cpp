#include <algorithm>
#include <bit>
#include <cfloat>

#include "check.h"
#include "random.h"
#include "reference.h"

// Below the standard library's headers: their functions are for any processor.
#pragma GCC target("avx2,fma,f16c")
#define JG_TIER_NS avx2
#include "simd_tests.h"
