// Products of more rows than a tree has: what a library may compute by another schedule has the
// bits of the same rows computed few at a time. matmul_test.cpp says what these are.
#include <limits>

#include "matmul_shapes.h"
#include "weights_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// Few outputs and so many inputs that their sum is cut among thread blocks, three or two of them;
// the steps of k do not divide evenly.
Shape LongShape(int32_t dtype) {
  if (dtype == JG_F32 || dtype == JG_F16) return {70, 3121};
  return {20, dtype == JG_BF16 ? 4129 : 8224};
}

class Rows {
 public:
  // Of a bias and of y before the product, too, if there are `extras`.
  Rows(const Device& device, int32_t dtype, const Shape& shape, int64_t rows, bool extras)
      : device_(device),
        shape_(shape),
        random_(static_cast<uint64_t>(shape.n * 1000 + shape.k)),
        packed_(device, MakeWideWeights(random_, dtype, shape.n, shape.k, false)),
        x_(random_.Normals(static_cast<size_t>(rows * shape.k))),
        bias_(random_.Normals(static_cast<size_t>(shape.n))),
        add_(random_.Normals(static_cast<size_t>(rows * shape.n))),
        extras_(extras) {}

  std::vector<float> Of(int64_t begin, int64_t rows) const {
    const auto x = RowsOf(x_, shape_.k, begin, rows);
    if (!extras_) return Product(device_, packed_, x);
    const auto add = RowsOf(add_, shape_.n, begin, rows);
    return Product(device_, packed_, x, {.x_gap = 3, .y_gap = 5, .bias = &bias_, .add = &add});
  }

 private:
  const Device& device_;
  Shape shape_;
  Random random_;
  PackedWeights packed_;
  std::vector<float> x_, bias_, add_;
  bool extras_;
};

// The products of the first of these many rows, each row compared with its like among `few`, and
// some with the row alone.
void CheckRows(const Device& device, int32_t dtype, const Shape& shape, bool extras,
               const std::vector<int64_t>& counts, int64_t few) {
  CHECK_CONTEXT("n %lld, k %lld", static_cast<long long>(shape.n), static_cast<long long>(shape.k));
  const int64_t most = *std::max_element(counts.begin(), counts.end());
  const Rows rows(device, dtype, shape, most, extras);
  std::vector<float> want;
  for (int64_t i = 0; i < most; i += few) {
    const auto y = rows.Of(i, std::min(few, most - i));
    want.insert(want.end(), y.begin(), y.end());
  }
  for (int64_t i : {int64_t{0}, int64_t{31}, int64_t{128}, most - 1}) {
    CHECK_CONTEXT("row %lld", static_cast<long long>(i));
    CHECK(SameBits(RowsOf(want, shape.n, i, 1), rows.Of(i, 1)));
  }
  for (int64_t count : counts) {
    const auto y = rows.Of(0, count);
    for (int64_t i = 0; i < count; i++) {
      CHECK_CONTEXT("row %lld of %lld", static_cast<long long>(i), static_cast<long long>(count));
      CHECK(SameBits(RowsOf(y, shape.n, i, 1), RowsOf(want, shape.n, i, 1)));
    }
  }
}

}  // namespace

TEST(matmul_prefill_equals_few_rows) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    CheckRows(device, dtype, {2077, AwkwardK(dtype, 96)}, false, {129}, 100);
    CheckRows(device, dtype, {2041, AwkwardK(dtype, 32)}, true, {129, 300}, 128);
  });
}

TEST(matmul_prefill_of_many_inputs_equals_few_rows) {
  const Device device;
  EachFormat([&](int32_t dtype) { CheckRows(device, dtype, LongShape(dtype), true, {161}, 90); });
}

TEST(matmul_prefill_of_many_outputs_equals_few_rows) {
  // A strip of the packed weights has two tiles of outputs from 256 tiles on, from 1024 on four.
  const Device device;
  EachFormat([&](int32_t dtype) {
    CheckRows(device, dtype, {4101, 64}, true, {129}, 128);
    // With scales and without.
    if (dtype == JG_F16 || dtype == JG_Q4_1) {
      CheckRows(device, dtype, {16390, 32}, false, {129}, 128);
    }
  });
}

TEST(matmul_prefill_of_integers_is_exact) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    for (const Shape& shape : {Shape{2050, 64}, LongShape(dtype)}) {
      CHECK_CONTEXT("n %lld, k %lld", static_cast<long long>(shape.n),
                    static_cast<long long>(shape.k));
      Random random(9);
      const FileWeights w = MakeWideWeights(random, dtype, shape.n, shape.k, true);
      const PackedWeights packed(device, w);
      const int64_t rows = 131;
      const auto x = IntegerRows(random, rows, shape.k, dtype);
      const auto y = Product(device, packed, x);
      for (int64_t i : {int64_t{0}, int64_t{77}, rows - 1}) {
        const auto exact = ProductReference<double>(w, RowsOf(x, shape.k, i, 1));
        for (int64_t j = 0; j < shape.n; j++) {
          CHECK_EQ(static_cast<double>(y[static_cast<size_t>(i * shape.n + j)]),
                   exact[static_cast<size_t>(j)]);
        }
      }
    }
  });
}

TEST(matmul_prefill_keeps_nan_in_its_row) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    Random random(3);
    const Shape shape = {2050, AwkwardK(dtype, 64)};
    const PackedWeights packed(device, MakeWideWeights(random, dtype, shape.n, shape.k, false));
    const int64_t rows = 131;
    const auto clean = random.Normals(static_cast<size_t>(rows * shape.k));
    const auto want = Product(device, packed, clean);
    const int64_t row = 70;
    auto x = clean;
    x[static_cast<size_t>(row * shape.k + 40)] = std::numeric_limits<float>::quiet_NaN();
    const auto y = Product(device, packed, x);
    for (int64_t i = 0; i < rows; i++) {
      CHECK_CONTEXT("row %lld", static_cast<long long>(i));
      const auto of_row = RowsOf(y, shape.n, i, 1);
      if (i == row) {
        for (float value : of_row) CHECK(std::isnan(value));
      } else {
        CHECK(SameBits(of_row, RowsOf(want, shape.n, i, 1)));
      }
    }
  });
}

TEST(matmul_prefill_keeps_the_sign_of_zero) {
  // Products too small for a float, all of them negative: -0, unless something adds +0.
  const Device device;
  Random random(1);
  FileWeights w = MakeWideWeights(random, JG_F32, 2050, 64, true);
  const float quarter = 0.25f;
  for (size_t i = 0; i < w.bytes.size(); i += 4) std::memcpy(w.bytes.data() + i, &quarter, 4);
  const PackedWeights packed(device, w);
  const float least = std::numeric_limits<float>::denorm_min();
  const auto want = Product(device, packed, std::vector<float>(64, -least));
  const auto y = Product(device, packed, std::vector<float>(129 * 64, -least));
  for (int64_t i : {0, 128}) CHECK(SameBits(RowsOf(y, w.n, i, 1), want));
}

TEST(matmul_prefill_scratch_serves_fewer_rows) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    for (const Shape& shape : {Shape{2050, 64}, LongShape(dtype)}) {
      int64_t before = 0;
      for (int64_t rows : {1, 8, 9, 33, 128, 129, 160, 161, 256, 257, 1000}) {
        CHECK_CONTEXT("n %lld, k %lld, %lld rows", static_cast<long long>(shape.n),
                      static_cast<long long>(shape.k), static_cast<long long>(rows));
        int64_t bytes = 0;
        CHECK_OK(jg_matmul_scratch_bytes(device.context(), dtype, shape.n, shape.k, rows, &bytes));
        CHECK(bytes >= before);
        before = bytes;
      }
    }
  });
}
