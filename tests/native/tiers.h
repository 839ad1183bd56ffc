// The kernel tables that this machine can run, for tests that loop over tiers. Compiled with
// JG_SIMDE these are the AVX-512 tiers built over SIMDe, which run on any AVX2 machine.
#pragma once

#include <vector>

#include "kernels.h"

namespace jangle::test {

struct Tier {
  const char* name;
  const Kernels* kernels;
};

inline std::vector<Tier> Tiers() {
#if defined(JG_SIMDE)
  return {{"avx512 by SIMDe", &Kernels_avx512()}, {"avx512bf16 by SIMDe", &Kernels_avx512bf16()}};
#else
  std::vector<Tier> tiers = {{"scalar", &Kernels_scalar()}};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c")) {
    tiers.push_back({"avx2", &Kernels_avx2()});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
      tiers.push_back({"avx512", &Kernels_avx512()});
      if (__builtin_cpu_supports("avx512bf16")) {
        tiers.push_back({"avx512bf16", &Kernels_avx512bf16()});
      }
    }
  }
  return tiers;
#endif
}

}  // namespace jangle::test
