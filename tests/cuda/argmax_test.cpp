#include <algorithm>
#include <cfloat>
#include <cmath>

#include "device.h"
#include "random.h"

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

// Of `rows` rows that lie ld apart, after `offset` elements. What is around them is NaN.
void CheckRows(const Device& device, const std::vector<float>& x, int64_t rows, int64_t n,
               int64_t ld, int64_t offset = 0) {
  std::vector<float> all(static_cast<size_t>(offset + rows * ld), NAN);
  for (int64_t row = 0; row < rows; row++) {
    std::copy_n(x.begin() + row * n, n, all.begin() + offset + row * ld);
  }
  const DeviceArray<float> logits(device, all);
  const DeviceArray<int32_t> ids(device, std::vector<int32_t>(static_cast<size_t>(rows), -7));
  CHECK_OK(jg_argmax(device.stream(), rows, n, logits.data() + offset, ld, ids.data()));
  const auto got = ids.Download();
  for (int64_t row = 0; row < rows; row++) {
    CHECK_CONTEXT("n %lld, row %lld of %lld, offset %lld", static_cast<long long>(n),
                  static_cast<long long>(row), static_cast<long long>(rows),
                  static_cast<long long>(offset));
    CHECK_EQ(got[static_cast<size_t>(row)], Reference(x.data() + row * n, n));
  }
}

}  // namespace

TEST(argmax_takes_the_lowest_of_equals) {
  const Device device;
  Random random(1);
  for (int64_t n : {1, 2, 3, 4, 5, 31, 63, 128, 1000, 4095, 4096, 4097, 16389, 33000}) {
    const auto size = static_cast<size_t>(n);
    std::vector<float> rows = random.Integers(size, 3);  // few values, so there are many ties
    const auto normals = random.Normals(size);
    rows.insert(rows.end(), normals.begin(), normals.end());
    rows.insert(rows.end(), size, -1e30f);
    for (int64_t offset : {0, 1}) {
      CheckRows(device, rows, 3, n, (n + 3) / 4 * 4, offset);
      CheckRows(device, rows, 3, n, n + 1, offset);
    }
  }
}

TEST(argmax_finds_every_place) {
  const Device device;
  for (size_t n : {1u, 7u, 70u}) {
    std::vector<float> rows;
    for (float special : {-1.0f, NAN, INFINITY}) {
      for (size_t i = 0; i < n; i++) {
        std::vector<float> row(n, -2.0f);
        row[i] = special;
        rows.insert(rows.end(), row.begin(), row.end());
      }
    }
    const auto length = static_cast<int64_t>(n);
    CheckRows(device, rows, 3 * length, length, length + 3);
  }
}

// A NaN in a row makes that row -1 and no other.
TEST(argmax_of_rows_with_nan) {
  const Device device;
  for (int64_t n : {5, 4100, 20000}) {
    Random random(3);
    for (int64_t at : {int64_t{0}, n / 2, n - 1}) {
      auto rows = random.Normals(static_cast<size_t>(3 * n));
      rows[static_cast<size_t>(n + at)] = at % 2 == 0 ? NAN : -NAN;
      CheckRows(device, rows, 3, n, n);
    }
  }
}

TEST(argmax_of_infinities_and_zeros) {
  const Device device;
  for (size_t n : {1u, 64u, 200u}) {
    const auto length = static_cast<int64_t>(n);
    std::vector<float> x(n, -INFINITY);
    CheckRows(device, x, 1, length, length);
    x.back() = -FLT_MAX;
    CheckRows(device, x, 1, length, length);
    x.assign(n, -0.0f);
    x.back() = 0.0f;
    CheckRows(device, x, 1, length, length);
  }
}

TEST(argmax_row_alone_has_the_same_id) {
  const Device device;
  Random random(9);
  const auto x = random.Integers(128 * 300, 5000);
  for (int64_t m : {1, 2, 7, 128}) CheckRows(device, x, m, 300, 305);
}
