#include "device.h"
#include "random.h"
#include "reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Case {
  int64_t rows, groups, n, pad;
  int64_t offset = 0;  // elements before the first row, of x, weight and y each
};

constexpr float kEps = 1e-5f;

// x is [rows][groups * n + pad]; so is the result, whose gaps must come back as they were.
std::vector<float> Run(const Device& device, const Case& c, const std::vector<float>& x,
                       const std::vector<float>& weight) {
  const int64_t ld = c.groups * c.n + c.pad;
  std::vector<float> in(static_cast<size_t>(c.offset), NAN);
  in.insert(in.end(), x.begin(), x.begin() + c.rows * ld - c.pad);
  std::vector<float> w(static_cast<size_t>(c.offset), NAN);
  w.insert(w.end(), weight.begin(), weight.end());
  const DeviceArray<float> x_device(device, in);
  const DeviceArray<float> w_device(device, w);
  const DeviceArray<float> y_device(device, std::vector<float>(in.size(), NAN));
  y_device.Forget();
  CHECK_OK(jg_rmsnorm(device.stream(), c.rows, c.groups, c.n, x_device.data() + c.offset, ld,
                      w_device.data() + c.offset, kEps, y_device.data() + c.offset, ld));
  const std::vector<float> y = y_device.Download();
  for (int64_t i = 0; i < c.offset; i++) CHECK(std::isnan(y[static_cast<size_t>(i)]));
  return {y.begin() + c.offset, y.end()};
}

}  // namespace

TEST(rmsnorm_matches_double) {
  const Device device;
  for (int64_t n : {1,   2,   3,   4,    7,    31,   32,   64,   100,  129,  511,
                    512, 513, 576, 1000, 4096, 4097, 5003, 8191, 8192, 9000, 10003}) {
    for (int64_t offset : {0, 1}) {
      CHECK_CONTEXT("n %lld, offset %lld", static_cast<long long>(n),
                    static_cast<long long>(offset));
      const Case c = {3, 2, n, 5, offset};
      Random random(static_cast<uint64_t>(n));
      const int64_t ld = c.groups * n + c.pad;
      const auto x = random.Normals(static_cast<size_t>(c.rows * ld), 3.0f);
      const auto weight = random.Normals(static_cast<size_t>(n));
      const auto y = Run(device, c, x, weight);
      for (int64_t item = 0; item < 6; item++) {
        const int64_t at = item / 2 * ld + item % 2 * n;
        const auto exact = RmsnormReference<double>(x.data() + at, weight.data(), n, kEps);
        const auto naive = RmsnormReference<float>(x.data() + at, weight.data(), n, kEps);
        const double error = LargestDifference(y.data() + at, exact.data(), n);
        CHECK_NEAR(error, 0, ErrorBound(naive, exact));
      }
      // What lies between the rows stays as it was.
      for (int64_t row = 0; row + 1 < c.rows; row++) {
        for (int64_t i = 0; i < c.pad; i++) {
          CHECK(std::isnan(y[static_cast<size_t>(row * ld + c.groups * n + i)]));
        }
      }
    }
  }
}

// The mean of squares is 16 exactly, so the result is x / 4 * weight, exact too.
TEST(rmsnorm_is_exact_on_integers) {
  const Device device;
  for (int64_t n : {4, 8, 60, 128, 300, 512, 516, 2052, 4100, 8192, 8196, 12292}) {
    std::vector<float> x, weight;
    for (int64_t i = 0; i < n; i++) {
      x.push_back(i % 4 == 0 ? 8.0f : 0.0f);
      weight.push_back(static_cast<float>(i));
    }
    const DeviceArray<float> x_device(device, x);
    const DeviceArray<float> w_device(device, weight);
    const DeviceArray<float> y_device(device, n);
    CHECK_OK(jg_rmsnorm(device.stream(), 1, 1, n, x_device.data(), n, w_device.data(), 0.0f,
                        y_device.data(), n));
    const auto y = y_device.Download();
    for (size_t i = 0; i < y.size(); i++) CHECK_EQ(y[i], x[i] / 4 * weight[i]);
  }
}

TEST(rmsnorm_row_alone_has_the_same_bits) {
  const Device device;
  for (int64_t n : {64, 77, 576}) {
    Random random(7);
    const int64_t rows = 128;
    const auto x = random.Normals(static_cast<size_t>(rows * n));
    const auto weight = random.Normals(static_cast<size_t>(n));
    const auto all = Run(device, {rows, 1, n, 0}, x, weight);
    for (int64_t m : {1, 2, 3, 5, 8, 17, 64, 127}) {
      CHECK_CONTEXT("n %lld, %lld rows", static_cast<long long>(n), static_cast<long long>(m));
      const auto y = Run(device, {m, 1, n, 0}, x, weight);
      for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], all[i]);
    }
    for (int64_t row : {1, 50, 127}) {
      const auto y =
          Run(device, {1, 1, n, 0}, {x.begin() + row * n, x.begin() + (row + 1) * n}, weight);
      for (size_t i = 0; i < y.size(); i++) {
        CHECK_BITS(y[i], all[static_cast<size_t>(row * n) + i]);
      }
    }
  }
}

// 16-byte accesses or single ones: the same arithmetic.
TEST(rmsnorm_bits_do_not_depend_on_alignment) {
  const Device device;
  for (int64_t n : {64, 512, 576, 4096, 4864, 8960}) {
    CHECK_CONTEXT("n %lld", static_cast<long long>(n));
    Random random(5);
    const auto x = random.Normals(static_cast<size_t>(2 * n));
    const auto weight = random.Normals(static_cast<size_t>(n));
    const auto aligned = Run(device, {2, 1, n, 0, 0}, x, weight);
    for (int64_t offset : {1, 2, 3, 4}) {
      const auto y = Run(device, {2, 1, n, 0, offset}, x, weight);
      for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], aligned[i]);
    }
  }
}

TEST(rmsnorm_works_in_place) {
  const Device device;
  for (int64_t n : {101, 576, 5000, 9000}) {
    Random random(3);
    const auto x = random.Normals(static_cast<size_t>(2 * n));
    const auto weight = random.Normals(static_cast<size_t>(n));
    const auto want = Run(device, {2, 1, n, 0}, x, weight);
    const DeviceArray<float> y_device(device, x);
    const DeviceArray<float> w_device(device, weight);
    CHECK_OK(jg_rmsnorm(device.stream(), 2, 1, n, y_device.data(), n, w_device.data(), kEps,
                        y_device.data(), n));
    const auto y = y_device.Download();
    for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], want[i]);
  }
}

TEST(rmsnorm_keeps_a_nan_in_its_row) {
  const Device device;
  for (size_t n : {20u, 600u}) {
    Random random(4);
    auto x = random.Normals(3 * n);
    const auto weight = random.Normals(n);
    const Case c = {3, 1, static_cast<int64_t>(n), 0};
    const auto want = Run(device, c, x, weight);
    x[n + 3] = NAN;
    const auto y = Run(device, c, x, weight);
    for (size_t i = 0; i < 3 * n; i++) {
      if (i / n == 1) {
        CHECK(std::isnan(y[i]));
      } else {
        CHECK_BITS(y[i], want[i]);
      }
    }
  }
}
