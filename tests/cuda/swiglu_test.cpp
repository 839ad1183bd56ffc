#include "device.h"
#include "random.h"
#include "reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// Gate and up side by side, as one product writes them: [rows][ldx], after `offset` elements. The
// result is [rows][n].
std::vector<float> Run(const Device& device, int64_t rows, int64_t n, int64_t ldx,
                       const std::vector<float>& gate_up, int64_t offset = 0) {
  std::vector<float> in(static_cast<size_t>(offset), NAN);
  in.insert(in.end(), gate_up.begin(), gate_up.begin() + (rows - 1) * ldx + 2 * n);
  const DeviceArray<float> x(device, in);
  const DeviceArray<float> out(device, std::vector<float>(static_cast<size_t>(rows * n), NAN));
  out.Forget();
  const float* gate = x.data() + offset;
  CHECK_OK(jg_swiglu(device.stream(), rows, n, gate, gate + n, ldx, out.data(), n));
  return out.Download();
}

}  // namespace

TEST(swiglu_matches_double) {
  const Device device;
  for (int64_t n : {1, 3, 4, 8, 17, 100, 511, 512, 1536}) {
    CHECK_CONTEXT("n %lld", static_cast<long long>(n));
    Random random(static_cast<uint64_t>(n));
    const int64_t ldx = 2 * n + 3;
    const auto x = random.Normals(static_cast<size_t>(4 * ldx), 4.0f);
    const auto y = Run(device, 4, n, ldx, x);
    for (int64_t i = 0; i < 4 * n; i++) {
      const float gate = x[static_cast<size_t>(i / n * ldx + i % n)];
      const float up = x[static_cast<size_t>(i / n * ldx + n + i % n)];
      const double exact = SwigluReference<double>(gate, up);
      const double naive = std::fabs(SwigluReference<float>(gate, up) - exact);
      CHECK_NEAR(y[static_cast<size_t>(i)], exact,
                 2 * naive + 6 * static_cast<double>(FLT_EPSILON) * std::fabs(exact));
    }
  }
}

TEST(swiglu_at_the_ends) {
  const Device device;
  const std::vector<float> gate = {0.0f, -0.0f, 200.0f, -200.0f, INFINITY, NAN, 1e-40f, -88.0f};
  std::vector<float> x = gate;
  x.insert(x.end(), 8, 2.0f);
  const auto y = Run(device, 1, 8, 16, x);
  CHECK_EQ(y[0], 0.0f);
  CHECK_EQ(y[1], 0.0f);
  CHECK_EQ(y[2], 400.0f);
  CHECK_EQ(y[3], 0.0f);
  CHECK_EQ(y[4], INFINITY);
  CHECK(std::isnan(y[5]));
  CHECK_EQ(y[6], 1e-40f);
  CHECK_NEAR(y[7], SwigluReference<double>(-88.0f, 2.0f), 1e-42);
}

// An element's bits depend on its gate and up alone: not on rows, columns or alignment.
TEST(swiglu_element_has_the_same_bits_anywhere) {
  const Device device;
  Random random(5);
  const int64_t rows = 128;
  for (int64_t n : {13, 64}) {
    const auto x = random.Normals(static_cast<size_t>(rows * 2 * n), 3.0f);
    // One column, so that every element is the first of its row.
    std::vector<float> pairs;
    for (int64_t i = 0; i < rows * n; i++) {
      const auto at = static_cast<size_t>(i / n * 2 * n + i % n);
      pairs.push_back(x[at]);
      pairs.push_back(x[at + static_cast<size_t>(n)]);
    }
    const auto alone = Run(device, rows * n, 1, 2, pairs);
    for (int64_t m : {1, 2, 3, 5, 16, 33, 128}) {
      for (int64_t offset : {0, 1, 2}) {
        CHECK_CONTEXT("n %lld, %lld rows, offset %lld", static_cast<long long>(n),
                      static_cast<long long>(m), static_cast<long long>(offset));
        const auto y = Run(device, m, n, 2 * n, x, offset);
        for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], alone[i]);
      }
    }
  }
}
