#include "device.h"
#include "random.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr double kRate = 1e-2, kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8, kDecay = 0.1;
constexpr double kScale = 0.5;

struct State {
  std::vector<float> weight, m, v;
};

// Ten steps; the arrays begin `offset` elements behind a multiple of 16 bytes.
State Run(const Device& device, int64_t n, int64_t offset) {
  Random random(1);
  const auto placed = [&](const std::vector<float>& values) {
    std::vector<float> all(static_cast<size_t>(offset), NAN);
    all.insert(all.end(), values.begin(), values.end());
    return all;
  };
  const auto size = static_cast<size_t>(n);
  const DeviceArray<float> weight(device, placed(random.Normals(size)));
  const DeviceArray<float> m(device, placed(std::vector<float>(size)));
  const DeviceArray<float> v(device, placed(std::vector<float>(size)));
  for (int64_t step = 1; step <= 10; step++) {
    const DeviceArray<float> gradient(device,
                                      placed(random.Normals(size, step == 3 ? 100.0f : 0.1f)));
    CHECK_OK(jg_adamw(device.stream(), n, weight.data() + offset, gradient.data() + offset,
                      m.data() + offset, v.data() + offset, kRate, kBeta1, kBeta2, kEps, kDecay,
                      kScale, step));
    device.Synchronize();
  }
  const auto taken = [&](const DeviceArray<float>& array) {
    const auto all = array.Download();
    return std::vector<float>(all.begin() + offset, all.end());
  };
  return {taken(weight), taken(m), taken(v)};
}

}  // namespace

TEST(adamw_matches_double) {
  const Device device;
  for (int64_t n : {1, 7, 1024, 4097}) {
    CHECK_CONTEXT("n %lld", static_cast<long long>(n));
    const auto got = Run(device, n, n % 3);
    Random random(1);
    const auto start = random.Normals(static_cast<size_t>(n));
    std::vector<double> weight(start.begin(), start.end());
    std::vector<double> m(weight.size()), v(weight.size());
    for (int step = 1; step <= 10; step++) {
      const auto gradient = random.Normals(static_cast<size_t>(n), step == 3 ? 100.0f : 0.1f);
      for (size_t i = 0; i < weight.size(); i++) {
        const double g = kScale * static_cast<double>(gradient[i]);
        m[i] = kBeta1 * m[i] + (1 - kBeta1) * g;
        v[i] = kBeta2 * v[i] + (1 - kBeta2) * g * g;
        const double m_hat = m[i] / (1 - std::pow(kBeta1, step));
        const double v_hat = v[i] / (1 - std::pow(kBeta2, step));
        weight[i] = weight[i] * (1 - kRate * kDecay) - kRate * m_hat / (std::sqrt(v_hat) + kEps);
      }
    }
    for (size_t i = 0; i < weight.size(); i++) {
      CHECK_NEAR(got.weight[i], weight[i], 1e-6 * (1 + std::fabs(weight[i])));
      CHECK_NEAR(got.m[i], m[i], 1e-6 * (1 + std::fabs(m[i])));
      CHECK_NEAR(got.v[i], v[i], 1e-6 * (1e-3 + v[i]));
    }
  }
}

// No sums, so each operation rounds alike everywhere.
TEST(adamw_element_has_the_bits_of_the_formula_anywhere) {
  const Device device;
  const int64_t n = 37;
  const auto size = static_cast<size_t>(n);
  Random random(1);
  State want = {random.Normals(size), std::vector<float>(size), std::vector<float>(size)};
  for (int step = 1; step <= 10; step++) {
    const auto gradient = random.Normals(size, step == 3 ? 100.0f : 0.1f);
    const auto rate = static_cast<float>(kRate / (1 - std::pow(kBeta1, step)));
    const auto root2 = static_cast<float>(std::sqrt(1 - std::pow(kBeta2, step)));
    for (size_t i = 0; i < size; i++) {
      const float g = gradient[i] * static_cast<float>(kScale);
      float& m = want.m[i];
      float& v = want.v[i];
      m = std::fma(static_cast<float>(1 - kBeta1), g - m, m);
      v = std::fma(static_cast<float>(1 - kBeta2) * g, g, v * static_cast<float>(kBeta2));
      const float divisor = std::sqrt(v) / root2 + static_cast<float>(kEps);
      want.weight[i] =
          std::fma(-rate, m / divisor, want.weight[i] * static_cast<float>(1 - kRate * kDecay));
    }
  }
  for (int64_t offset : {0, 1, 2, 3}) {
    CHECK_CONTEXT("offset %lld", static_cast<long long>(offset));
    const auto got = Run(device, n, offset);
    for (size_t i = 0; i < size; i++) {
      CHECK_BITS(got.weight[i], want.weight[i]);
      CHECK_BITS(got.m[i], want.m[i]);
      CHECK_BITS(got.v[i], want.v[i]);
    }
  }
}
