#include "device.h"
#include "random.h"

using namespace jangle;
using namespace jangle::test;

// One addition per element, so the result is the processor's own sum, at any width and alignment.
TEST(residual_is_the_exact_sum) {
  const Device device;
  for (int64_t n : {1, 2, 3, 4, 7, 8, 16, 17, 64, 101, 512, 576}) {
    for (int64_t rows : {1, 2, 5, 128}) {
      if (n * rows > 20000) continue;
      for (int64_t pad : {0, 3, 4}) {
        CHECK_CONTEXT("n %lld, %lld rows, pad %lld", static_cast<long long>(n),
                      static_cast<long long>(rows), static_cast<long long>(pad));
        Random random(static_cast<uint64_t>(n * rows));
        const int64_t ldx = n + 2 * pad;
        const int64_t ldy = n + pad;
        const auto x = random.Normals(static_cast<size_t>(rows * ldx - 2 * pad));
        const auto y = random.Normals(static_cast<size_t>(rows * ldy - pad));
        const DeviceArray<float> in(device, x);
        const DeviceArray<float> sum(device, y);
        CHECK_OK(jg_residual(device.stream(), rows, n, in.data(), ldx, sum.data(), ldy));
        const auto got = sum.Download();
        for (size_t i = 0; i < got.size(); i++) {
          const int64_t row = static_cast<int64_t>(i) / ldy;
          const int64_t column = static_cast<int64_t>(i) % ldy;
          const float want = column < n ? y[i] + x[static_cast<size_t>(row * ldx + column)] : y[i];
          CHECK_BITS(got[i], want);
        }
      }
    }
  }
}

TEST(residual_of_shifted_rows_is_the_exact_sum) {
  const Device device;
  Random random(2);
  const auto x = random.Normals(50);
  const auto y = random.Normals(50);
  for (size_t shift_x = 0; shift_x < 4; shift_x++) {
    for (size_t shift_y = 0; shift_y < 4; shift_y++) {
      const DeviceArray<float> in(device, x);
      const DeviceArray<float> sum(device, y);
      CHECK_OK(
          jg_residual(device.stream(), 1, 40, in.data() + shift_x, 40, sum.data() + shift_y, 40));
      const auto got = sum.Download();
      for (size_t i = 0; i < 50; i++) {
        const bool inside = i >= shift_y && i < shift_y + 40;
        CHECK_BITS(got[i], inside ? y[i] + x[i - shift_y + shift_x] : y[i]);
      }
    }
  }
}
