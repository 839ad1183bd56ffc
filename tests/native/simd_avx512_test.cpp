#include <algorithm>
#include <bit>
#include <cfloat>

#include "check.h"
#include "random.h"
#include "reference.h"

// Below the standard library's headers: their functions are for any processor.
#if defined(JG_SIMDE)
#pragma GCC target("avx2,fma,f16c")
#else
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#endif
#define JG_TIER_NS avx512
#include "simd_tests.h"
