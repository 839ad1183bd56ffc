// Runs a kernel that holds a seeded fault, or its correct twin, in many orders of threads.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "device_array.h"
#include "emulation/report.h"
#include "native/check.h"

namespace jangle::test {

inline constexpr uint64_t kOrders = 20;

// `run` makes its own data and returns the launch's error.
template <typename Run>
void ExpectFault(const std::string& kind, cudaError_t error, Run run) {
  for (uint64_t seed = 0; seed <= kOrders; seed++) {
    CHECK_CONTEXT("order %d", static_cast<int>(seed));
    emulation::ResetReports();
    emulation::SetSeed(seed);
    const cudaError_t found = run();
    const std::string report = emulation::LastReport();
    emulation::ResetReports();
    emulation::SetSeed(0);
    CHECK_EQ(report.substr(0, report.find(':')), kind);
    CHECK_EQ(found, error);
  }
}

template <typename Run>
void ExpectSilence(Run run) {
  for (uint64_t seed = 0; seed <= kOrders; seed++) {
    CHECK_CONTEXT("order %d", static_cast<int>(seed));
    emulation::ResetReports();
    emulation::SetSeed(seed);
    const cudaError_t found = run();
    const std::string report = emulation::LastReport();
    emulation::ResetReports();
    emulation::SetSeed(0);
    CHECK_EQ(report, std::string());
    CHECK_EQ(found, cudaSuccess);
  }
}

}  // namespace jangle::test

#define SKIP_UNLESS_CHECKED() \
  if (!::jangle::emulation::Checked()) SKIP("needs the kernels' instrumentation")
