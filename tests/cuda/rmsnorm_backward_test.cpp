#include <algorithm>

#include "device.h"
#include "random.h"
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
  // The last row's padding is outside of the arrays.
  const auto size = static_cast<size_t>(c.rows * (c.groups * c.n + c.pad) - c.pad);
  const auto n = static_cast<size_t>(c.n);
  return {random.Normals(size, 3.0f), random.Normals(size), random.Normals(size), random.Normals(n),
          random.Normals(n)};
}

Result Run(const Device& device, const Case& c, const Inputs& in, bool accumulate,
           float eps = kEps) {
  const int64_t ld = c.groups * c.n + c.pad;
  int64_t scratch_bytes = 0;
  CHECK_OK(
      jg_rmsnorm_backward_scratch_bytes(device.context(), c.rows, c.groups, c.n, &scratch_bytes));
  DeviceArray<uint8_t> scratch(device, scratch_bytes);
  scratch.Upload(std::vector<uint8_t>(static_cast<size_t>(scratch_bytes), 0xff));
  scratch.Forget();
  const DeviceArray<float> x(device, in.x), dy(device, in.dy), weight(device, in.weight);
  const DeviceArray<float> dx(device, in.dx), dweight(device, in.dweight);
  CHECK_OK(jg_rmsnorm_backward(device.stream(), c.rows, c.groups, c.n, x.data(), ld, weight.data(),
                               eps, dy.data(), ld, accumulate, dx.data(), ld, dweight.data(),
                               scratch.data(), scratch_bytes));
  return {dx.Download(), dweight.Download()};
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

void CheckMatches(const Device& device, const Case& c, bool accumulate) {
  CHECK_CONTEXT("%d rows of %d groups of %d%s", static_cast<int>(c.rows),
                static_cast<int>(c.groups), static_cast<int>(c.n), accumulate ? " +=" : "");
  const Inputs in = Normal(c, static_cast<uint64_t>(c.n));
  const auto got = Run(device, c, in, accumulate);
  std::vector<double> terms(static_cast<size_t>(c.rows));
  const auto exact = Reference<double>(c, in, accumulate, &terms);
  const auto naive = Reference<float>(c, in, accumulate);
  const int64_t used = c.groups * c.n;
  const int64_t ld = used + c.pad;
  for (int64_t row = 0; row < c.rows; row++) {
    const auto part = [&](const auto& v) {
      return std::vector(v.begin() + row * ld, v.begin() + row * ld + used);
    };
    const auto dx = part(got.dx);
    CHECK_NEAR(LargestDifference(dx.data(), part(exact.dx).data(), used), 0,
               ErrorBound(part(naive.dx), part(exact.dx)) +
                   8 * static_cast<double>(FLT_EPSILON) * terms[static_cast<size_t>(row)]);
    for (int64_t j = used; j < ld && row + 1 < c.rows; j++) {
      const auto at = static_cast<size_t>(row * ld + j);
      CHECK_BITS(got.dx[at], in.dx[at]);
    }
  }
  CHECK_NEAR(LargestDifference(got.dweight.data(), exact.dweight.data(), c.n), 0,
             ErrorBound(naive.dweight, exact.dweight));
}

}  // namespace

TEST(rmsnorm_backward_matches_double) {
  const Device device;
  for (int64_t n : {1, 3, 8, 33, 64, 129, 512, 513, 1100}) {
    CheckMatches(device, {35, 1 + n % 3, n, 0}, false);
    CheckMatches(device, {3, 2, n, 5}, true);
  }
  // More sums of runs than the threads of a column.
  CheckMatches(device, {150, 3, 20, 1}, false);
}

// The mean of squares is 16 exactly, so r is 1/4 and all that is added to dweight is exact, too.
TEST(rmsnorm_backward_weight_is_exact_on_integers) {
  const Device device;
  for (int64_t n : {4, 36, 132, 516}) {
    for (int64_t rows : {1, 32, 100, 300}) {
      CHECK_CONTEXT("%d rows of %d", static_cast<int>(rows), static_cast<int>(n));
      const Case c = {rows, 1, n, 0};
      Random random(static_cast<uint64_t>(n));
      const auto size = static_cast<size_t>(rows * n);
      Inputs in = Normal(c, 1);
      for (size_t i = 0; i < size; i++) in.x[i] = i % 4 == 0 ? 8.0f : 0.0f;
      for (int64_t row = 0; row < rows; row++) {  // the 8 of each four at another place
        const auto at = static_cast<size_t>(row * n);
        std::rotate(in.x.begin() + static_cast<int64_t>(at),
                    in.x.begin() + static_cast<int64_t>(at) + row % 4,
                    in.x.begin() + static_cast<int64_t>(at) + n);
      }
      in.dy = random.Integers(size, 99);
      in.dweight = random.Integers(static_cast<size_t>(n), 99);
      const auto got = Run(device, c, in, false, 0.0f);
      auto want = As<double>(in.dweight);
      for (size_t i = 0; i < size; i++) {
        want[i % want.size()] += static_cast<double>(in.dy[i]) * static_cast<double>(in.x[i]) / 4;
      }
      for (size_t i = 0; i < want.size(); i++) {
        CHECK_EQ(static_cast<double>(got.dweight[i]), want[i]);
      }
    }
  }
}

// A run's gradient does not depend on the runs beside it, nor on its alignment.
TEST(rmsnorm_backward_run_alone_has_the_same_bits) {
  const Device device;
  for (int64_t n : {20, 600}) {
    const Case c = {7, 3, n, 1};
    const Inputs in = Normal(c, 2);
    const auto all = Run(device, c, in, true);
    for (int64_t run = 0; run < 21; run += 4) {
      const int64_t at = run / 3 * (3 * n + 1) + run % 3 * n;
      const auto part = [&](const std::vector<float>& v) {
        return std::vector<float>(v.begin() + at, v.begin() + at + n);
      };
      const auto alone = Run(device, {1, 1, n, 0},
                             {part(in.x), part(in.dy), part(in.dx), in.weight, in.dweight}, true);
      for (int64_t i = 0; i < n; i++) {
        CHECK_BITS(alone.dx[static_cast<size_t>(i)], all.dx[static_cast<size_t>(at + i)]);
      }
    }
  }
}

TEST(rmsnorm_backward_of_a_frozen_weight) {
  const Device device;
  const Case c = {3, 1, 12, 0};
  const Inputs in = Normal(c, 3);
  const auto want = Run(device, c, in, false);
  const DeviceArray<float> x(device, in.x), dy(device, in.dy), weight(device, in.weight);
  const DeviceArray<float> dx(device, in.dx);
  int64_t bytes = 0;
  CHECK_OK(jg_rmsnorm_backward_scratch_bytes(device.context(), 3, 1, 12, &bytes));
  const DeviceArray<uint8_t> scratch(device, bytes);
  CHECK_OK(jg_rmsnorm_backward(device.stream(), 3, 1, 12, x.data(), 12, weight.data(), kEps,
                               dy.data(), 12, 0, dx.data(), 12, nullptr, scratch.data(), bytes));
  const auto got = dx.Download();
  for (size_t i = 0; i < got.size(); i++) CHECK_BITS(got[i], want.dx[i]);
}
