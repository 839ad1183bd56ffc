#include "device.h"
#include "random.h"

using namespace jangle;
using namespace jangle::test;

namespace {

double SumSquares(const Device& device, const std::vector<float>& x) {
  int64_t scratch_bytes = 0;
  CHECK_OK(jg_sum_squares_scratch_bytes(device.context(), std::ssize(x), &scratch_bytes));
  const DeviceArray<uint8_t> scratch(device, scratch_bytes);
  const DeviceArray<double> sum(device, std::vector<double>{NAN});
  scratch.Forget();
  sum.Forget();
  // Not at the beginning of a row of 16 bytes.
  std::vector<float> shifted = {NAN};
  shifted.insert(shifted.end(), x.begin(), x.end());
  const DeviceArray<float> at(device, shifted);
  CHECK_OK(jg_sum_squares(device.stream(), std::ssize(x), at.data() + 1, sum.data(), scratch.data(),
                          scratch_bytes));
  const double result = sum.Download()[0];
  const DeviceArray<float> aligned(device, x);
  CHECK_OK(jg_sum_squares(device.stream(), std::ssize(x), aligned.data(), sum.data(),
                          scratch.data(), scratch_bytes));
  CHECK_BITS(sum.Download()[0], result);
  return result;
}

}  // namespace

TEST(sum_squares_is_exact_on_integers) {
  const Device device;
  for (int64_t n : {1, 7, 9, 1025, 65536, 65537, 140003}) {
    CHECK_CONTEXT("n %lld", static_cast<long long>(n));
    const auto x = Random(3).Integers(static_cast<size_t>(n), 1000);
    double want = 0;
    for (float value : x) want += static_cast<double>(value) * static_cast<double>(value);
    CHECK_EQ(SumSquares(device, x), want);
  }
}

TEST(sum_squares_of_large_and_small) {
  const Device device;
  const auto x = Random(4).Normals(5000, 1e25f);
  double want = 0;
  for (float value : x) want += static_cast<double>(value) * static_cast<double>(value);
  CHECK_NEAR(SumSquares(device, x) / want, 1, 1e-13);
  CHECK(std::isnan(SumSquares(device, {1, NAN, 2})));
  CHECK_EQ(SumSquares(device, {1, -INFINITY, 2}), INFINITY);
}
