#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

// One addition per element, so the result is the processor's own sum.
TEST(residual_is_the_exact_sum) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 2, 7, 8, 9, 15, 16, 17, 64, 101, 576}) {
      for (int64_t rows : {1, 2, 5, 128}) {
        CHECK_CONTEXT("tier %s, n %lld, %lld rows", tier.name, static_cast<long long>(n),
                      static_cast<long long>(rows));
        Random random(static_cast<uint64_t>(n * rows));
        const int64_t ldx = n + 2;
        const int64_t ldy = n + 3;
        const auto x = random.Normals(static_cast<size_t>(rows * ldx - 2));
        const auto y = random.Normals(static_cast<size_t>(rows * ldy - 3));
        GuardedBuffer<float> in(x);
        GuardedBuffer<float> sum(y);
        const ResidualArgs args = {rows, n, in.data(), ldx, sum.data(), ldy};
        tier.kernels->residual(args, 0, rows / 2);
        tier.kernels->residual(args, rows / 2, rows);
        CHECK(sum.SlackIntact());
        for (int64_t i = 0; i < rows * ldy - 3; i++) {
          const int64_t column = i % ldy;
          const float old = y[static_cast<size_t>(i)];
          const float want =
              column < n ? old + x[static_cast<size_t>(i / ldy * ldx + column)] : old;
          CHECK_BITS(sum[static_cast<size_t>(i)], want);
        }
      }
    }
  }
}
