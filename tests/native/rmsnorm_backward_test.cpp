#include <algorithm>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"
#include "training_reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr float kEps = 1e-5f;

struct Case {
  int64_t rows, groups, n, pad;
};

struct Result {
  std::vector<float> dx, dweight;
};

struct Inputs {
  std::vector<float> x, dy, dx, weight, dweight;
};

Inputs Normal(const Case& c, uint64_t seed) {
  Random random(seed);
  // The last row's padding is outside of the buffers.
  const auto size = static_cast<size_t>(c.rows * (c.groups * c.n + c.pad) - c.pad);
  const auto n = static_cast<size_t>(c.n);
  return {random.Normals(size, 3.0f), random.Normals(size), random.Normals(size), random.Normals(n),
          random.Normals(n)};
}

Result Run(const Kernels& kernels, const Case& c, const Inputs& in, bool accumulate, int64_t cut) {
  const int64_t ld = c.groups * c.n + c.pad;
  const int64_t items = c.rows * c.groups;
  GuardedBuffer<float> x(in.x), dy(in.dy), dx(in.dx), weight(in.weight), dweight(in.dweight);
  if (!accumulate) dx.Poison();
  GuardedBuffer<float> scratch(static_cast<size_t>(items));
  const RmsnormBackwardArgs args = {
      c.rows,    c.groups, c.n,        x.data(),  ld, weight.data(),  kEps,
      dy.data(), ld,       accumulate, dx.data(), ld, dweight.data(), scratch.data()};
  for (int64_t i = 0; i < items; i += cut) {
    kernels.rmsnorm_backward(args, i, std::min(items, i + cut));
  }
  const int64_t columns = kernels.rmsnorm_weight_items(c.n);
  for (int64_t i = 0; i < columns; i += cut) {
    kernels.rmsnorm_weight_backward(args, i, std::min(columns, i + cut));
  }
  CHECK(dx.SlackIntact() && dweight.SlackIntact() && scratch.SlackIntact());
  return {{dx.begin(), dx.end()}, {dweight.begin(), dweight.end()}};
}

template <typename Real>
RmsnormGradient<Real> Reference(const Case& c, const Inputs& in, bool accumulate,
                                std::vector<Real>* largest_terms = nullptr) {
  RmsnormGradient<Real> all = {As<Real>(in.dx), As<Real>(in.dweight)};
  for (int64_t row = 0; row < c.rows; row++) {
    for (int64_t group = 0; group < c.groups; group++) {
      const int64_t at = row * (c.groups * c.n + c.pad) + group * c.n;
      const auto part = [&](const std::vector<float>& v) {
        return As<Real>({v.begin() + at, v.begin() + at + c.n});
      };
      const auto g =
          RmsnormBackwardReference<Real>(part(in.x), As<Real>(in.weight), kEps, part(in.dy));
      if (largest_terms != nullptr) {
        Real& largest = (*largest_terms)[static_cast<size_t>(row)];
        largest = std::max(largest, g.largest_term);
      }
      for (int64_t i = 0; i < c.n; i++) {
        Real& dx = all.dx[static_cast<size_t>(at + i)];
        dx = (accumulate ? dx : 0) + g.dx[static_cast<size_t>(i)];
        all.dweight[static_cast<size_t>(i)] += g.dweight[static_cast<size_t>(i)];
      }
    }
  }
  return all;
}

}  // namespace

TEST(rmsnorm_backward_reference_gradient_is_that_of_finite_differences) {
  Random random(1);
  const auto x = As<double>(random.Normals(9));
  const auto weight = As<double>(random.Normals(9));
  const auto dy = As<double>(random.Normals(9));
  const auto g = RmsnormBackwardReference<double>(x, weight, 0.01, dy);
  const auto dx = FiniteDifferences(
      x, [&](const auto& at) { return Dot(Rmsnorm<double>(at, weight, 0.01), dy); });
  const auto dweight = FiniteDifferences(
      weight, [&](const auto& at) { return Dot(Rmsnorm<double>(x, at, 0.01), dy); });
  for (size_t i = 0; i < 9; i++) {
    CHECK_NEAR(g.dx[i], dx[i], 1e-8);
    CHECK_NEAR(g.dweight[i], dweight[i], 1e-8);
  }
}

TEST(rmsnorm_backward_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 65, 127, 128, 129, 576, 1000}) {
      for (bool accumulate : {false, true}) {
        CHECK_CONTEXT("tier %s, n %lld%s", tier.name, static_cast<long long>(n),
                      accumulate ? " +=" : "");
        const Case c = {37, 1 + n % 3, n, accumulate ? 5 : 0};
        const Inputs in = Normal(c, static_cast<uint64_t>(n));
        const auto got = Run(*tier.kernels, c, in, accumulate, 1000);
        std::vector<double> terms(static_cast<size_t>(c.rows));
        const auto exact = Reference<double>(c, in, accumulate, &terms);
        const auto naive = Reference<float>(c, in, accumulate);
        const int64_t ld = c.groups * n + c.pad;
        for (int64_t row = 0; row < c.rows; row++) {
          const auto part = [&](const auto& v) {
            return std::vector(v.begin() + row * ld, v.begin() + row * ld + c.groups * n);
          };
          const auto dx = part(got.dx);
          CHECK_NEAR(LargestDifference(dx.data(), part(exact.dx).data(), c.groups * n), 0,
                     ErrorBound(part(naive.dx), part(exact.dx)) +
                         8 * static_cast<double>(FLT_EPSILON) * terms[static_cast<size_t>(row)]);
          for (int64_t j = c.groups * n; j < ld && row + 1 < c.rows; j++) {
            const auto at = static_cast<size_t>(row * ld + j);
            CHECK_BITS(got.dx[at], in.dx[at]);
          }
        }
        CHECK_NEAR(LargestDifference(got.dweight.data(), exact.dweight.data(), n), 0,
                   ErrorBound(naive.dweight, exact.dweight));
      }
    }
  }
}

TEST(rmsnorm_backward_has_the_same_bits_however_it_is_cut) {
  for (const Tier& tier : Tiers()) {
    const Case c = {70, 3, 200, 0};
    const Inputs in = Normal(c, 2);
    const auto want = Run(*tier.kernels, c, in, true, 1000);
    for (int64_t cut : {1, 2, 7}) {
      const auto got = Run(*tier.kernels, c, in, true, cut);
      for (size_t i = 0; i < got.dx.size(); i++) CHECK_BITS(got.dx[i], want.dx[i]);
      for (size_t i = 0; i < got.dweight.size(); i++) CHECK_BITS(got.dweight[i], want.dweight[i]);
    }
  }
}
