#include "device.h"
#include "random.h"
#include "training_reference.h"

using namespace jangle;
using namespace jangle::test;

TEST(swiglu_backward_matches_double) {
  const Device device;
  for (int64_t n : {1, 3, 8, 33, 100, 515}) {
    for (int64_t pad : {0, 3}) {
      CHECK_CONTEXT("n %lld, pad %lld", static_cast<long long>(n), static_cast<long long>(pad));
      Random random(static_cast<uint64_t>(n));
      const int64_t rows = 9, ld = n + pad;
      const auto size = static_cast<size_t>(rows * ld - pad);
      const auto gate = random.Normals(size, 8.0f);
      const auto up = random.Normals(size);
      const auto dout = random.Normals(size);
      const std::vector<float> poison(size, NAN);
      const DeviceArray<float> g(device, gate), u(device, up), d(device, dout);
      const DeviceArray<float> dg(device, poison), du(device, poison);
      dg.Forget();
      du.Forget();
      CHECK_OK(jg_swiglu_backward(device.stream(), rows, n, g.data(), u.data(), ld, d.data(), ld,
                                  dg.data(), du.data(), ld));
      const auto dgate = dg.Download();
      const auto dup = du.Download();
      for (int64_t i = 0; i < std::ssize(gate); i++) {
        const auto at = static_cast<size_t>(i);
        if (i % ld >= n) {
          CHECK(std::isnan(dgate[at]) && std::isnan(dup[at]));
          continue;
        }
        const auto exact = SwigluBackwardReference<double>(gate[at], up[at], dout[at]);
        // 1 - s has an error of the size of s, which the gate multiplies.
        const double g_at = gate[at];
        const double terms = (1 + std::fabs(g_at)) / (1 + std::exp(-g_at));
        const double size_of = std::fabs(static_cast<double>(dout[at]) * up[at]) * terms;
        CHECK_NEAR(dgate[at], exact.gate, 6 * static_cast<double>(FLT_EPSILON) * size_of);
        CHECK_NEAR(dup[at], exact.up, 6 * static_cast<double>(FLT_EPSILON) * std::fabs(exact.up));
      }
      // In place, over the inputs.
      CHECK_OK(jg_swiglu_backward(device.stream(), rows, n, g.data(), u.data(), ld, d.data(), ld,
                                  g.data(), u.data(), ld));
      const auto over_gate = g.Download();
      const auto over_up = u.Download();
      for (int64_t i = 0; i < std::ssize(gate); i++) {
        const auto at = static_cast<size_t>(i);
        CHECK_BITS(over_gate[at], i % ld < n ? dgate[at] : gate[at]);
        CHECK_BITS(over_up[at], i % ld < n ? dup[at] : up[at]);
      }
    }
  }
}

TEST(swiglu_backward_at_the_ends) {
  const Device device;
  const DeviceArray<float> gate(device, std::vector<float>{-1000.0f, 1000.0f, 0.0f, NAN});
  const DeviceArray<float> up(device, std::vector<float>(4, 2.0f));
  const DeviceArray<float> dout(device, std::vector<float>(4, 1.0f));
  CHECK_OK(jg_swiglu_backward(device.stream(), 1, 4, gate.data(), up.data(), 4, dout.data(), 4,
                              gate.data(), up.data(), 4));
  const auto dgate = gate.Download();
  const auto dup = up.Download();
  CHECK_EQ(dgate[0], 0.0f);
  CHECK_EQ(dup[0], 0.0f);
  CHECK_EQ(dgate[1], 2.0f);
  CHECK_EQ(dup[1], 1000.0f);
  CHECK_EQ(dgate[2], 1.0f);
  CHECK_EQ(dup[2], 0.0f);
  CHECK(std::isnan(dgate[3]) && std::isnan(dup[3]));
}
