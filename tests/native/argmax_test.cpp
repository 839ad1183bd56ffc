#include <cfloat>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

int32_t Reference(const float* x, int64_t n) {
  int32_t best = 0;
  for (int64_t i = 0; i < n; i++) {
    if (std::isnan(x[i])) return -1;
    if (x[i] > x[best]) best = static_cast<int32_t>(i);
  }
  return best;
}

int32_t Argmax(const Kernels& kernels, const std::vector<float>& x) {
  GuardedBuffer<float> logits(x);
  GuardedBuffer<int32_t> id(1);
  const auto n = static_cast<int64_t>(x.size());
  kernels.argmax({1, n, logits.data(), n, id.data()}, 0, 1);
  return id[0];
}

}  // namespace

TEST(argmax_takes_the_lowest_of_equals) {
  for (const Tier& tier : Tiers()) {
    Random random(1);
    for (int64_t n = 1; n <= 600; n++) {
      CHECK_CONTEXT("tier %s, n %lld", tier.name, static_cast<long long>(n));
      // Few values, so there are many ties; all negative now and then.
      const auto x = random.Integers(static_cast<size_t>(n), 3);
      CHECK_EQ(Argmax(*tier.kernels, x), Reference(x.data(), n));
      const auto y = random.Normals(static_cast<size_t>(n));
      CHECK_EQ(Argmax(*tier.kernels, y), Reference(y.data(), n));
      const std::vector<float> flat(static_cast<size_t>(n), -1e30f);
      CHECK_EQ(Argmax(*tier.kernels, flat), 0);
    }
  }
}

TEST(argmax_finds_every_place) {
  for (const Tier& tier : Tiers()) {
    for (size_t n : {1u, 7u, 64u, 129u, 300u}) {
      std::vector<float> x(n, -2.0f);
      for (size_t i = 0; i < n; i++) {
        CHECK_CONTEXT("tier %s, n %zu, index %zu", tier.name, n, i);
        x[i] = -1.0f;
        CHECK_EQ(Argmax(*tier.kernels, x), i);
        x[i] = NAN;
        CHECK_EQ(Argmax(*tier.kernels, x), -1);
        x[i] = INFINITY;
        CHECK_EQ(Argmax(*tier.kernels, x), i);
        x[i] = -2.0f;
      }
    }
  }
}

TEST(argmax_of_infinities_and_zeros) {
  for (const Tier& tier : Tiers()) {
    for (size_t n : {1u, 64u, 200u}) {
      CHECK_CONTEXT("tier %s, n %zu", tier.name, n);
      std::vector<float> x(n, -INFINITY);
      CHECK_EQ(Argmax(*tier.kernels, x), 0);
      x.back() = -FLT_MAX;
      CHECK_EQ(Argmax(*tier.kernels, x), n - 1);
      x.assign(n, -0.0f);
      x.back() = 0.0f;
      CHECK_EQ(Argmax(*tier.kernels, x), 0);
    }
  }
}

TEST(argmax_row_alone_has_the_same_id) {
  for (const Tier& tier : Tiers()) {
    Random random(9);
    const int64_t n = 1000;
    const int64_t ld = n + 5;
    GuardedBuffer<float> logits(random.Integers(static_cast<size_t>(128 * ld - 5), 5000));
    for (int64_t m = 1; m <= 128; m++) {
      GuardedBuffer<int32_t> ids(static_cast<size_t>(m));
      tier.kernels->argmax({m, n, logits.data(), ld, ids.data()}, 0, m / 3);
      tier.kernels->argmax({m, n, logits.data(), ld, ids.data()}, m / 3, m);
      for (int64_t i = 0; i < m; i++) {
        CHECK_EQ(ids[static_cast<size_t>(i)], Reference(logits.data() + i * ld, n));
      }
    }
  }
}
