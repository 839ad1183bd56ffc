#include <cmath>
#include <limits>

#include "matmul_shapes.h"
#include "weights_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// What the activations count as: int8 blocks for the formats of blocks; else they stay.
std::vector<float> QuantisedRows(const std::vector<float>& x, int32_t dtype) {
  std::vector<float> rounded = x;
  for (size_t b = 0; IsBlocked(dtype) && b < x.size(); b += 32) {
    float most = 0;
    for (size_t i = b; i < b + 32; i++) most = std::max(most, std::abs(x[i]));
    for (size_t i = b; i < b + 32; i++) {
      rounded[i] = std::nearbyint(x[i] * (127.0f / most)) * (most / 127.0f);
    }
  }
  return rounded;
}

std::vector<float> Bf16Rows(const std::vector<float>& x) {
  std::vector<float> rounded = x;
  for (float& value : rounded) {
    const auto bits = std::bit_cast<uint32_t>(value);
    value = std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
  }
  return rounded;
}

// Twice the error of a naive loop in f32, of the same activations.
void CheckNearDouble(const FileWeights& w, const std::vector<float>& x,
                     const std::vector<float>& y) {
  const auto near = [&](const std::vector<float>& rounded) {
    const auto exact = ProductReference<double>(w, rounded);
    const double bound = ErrorBound(ProductReference<float>(w, rounded), exact);
    return LargestDifference(y.data(), exact.data(), static_cast<int64_t>(y.size())) <= bound;
  };
  // A library may round the activations of BF16 weights to bf16, all of them or none.
  CHECK(near(QuantisedRows(x, w.dtype)) || (w.dtype == JG_BF16 && near(Bf16Rows(x))));
}

// Integers in every place; exact in any order of summation, so equal and not just near.
void CheckIntegers(const Device& device, int32_t dtype, const Shape& shape, int64_t rows,
                   bool extras) {
  CHECK_CONTEXT("n %lld, k %lld, %lld rows", static_cast<long long>(shape.n),
                static_cast<long long>(shape.k), static_cast<long long>(rows));
  Random random(static_cast<uint64_t>(shape.n * 1000 + shape.k));
  const FileWeights w = MakeWideWeights(random, dtype, shape.n, shape.k, true);
  const PackedWeights packed(device, w);
  const auto x = IntegerRows(random, rows, shape.k, dtype);
  const auto bias = random.Integers(static_cast<size_t>(shape.n), 100);
  const auto add = random.Integers(static_cast<size_t>(rows * shape.n), 100);
  ProductOptions options;
  if (extras) options = {.x_gap = 3, .y_gap = 5, .bias = &bias, .add = &add};
  const auto y = Product(device, packed, x, options);
  const auto exact = ProductReference<double>(w, x);
  for (size_t i = 0; i < y.size(); i++) {
    const double extra = extras ? bias[i % static_cast<size_t>(shape.n)] + add[i] : 0.0f;
    CHECK_EQ(static_cast<double>(y[i]), exact[i] + extra);
  }
}

// Rows 0, stride, 2 stride ... of the products of all `counts` equal the rows alone.
void CheckRowsAlone(const Device& device, int32_t dtype, const Shape& shape,
                    const std::vector<int64_t>& counts, int64_t stride) {
  CHECK_CONTEXT("n %lld, k %lld", static_cast<long long>(shape.n), static_cast<long long>(shape.k));
  Random random(7);
  const FileWeights w = MakeWideWeights(random, dtype, shape.n, shape.k, false);
  const PackedWeights packed(device, w);
  const int64_t most = *std::max_element(counts.begin(), counts.end());
  const auto x = random.Normals(static_cast<size_t>(most * shape.k));
  std::vector<std::vector<float>> alone;
  for (int64_t i = 0; i < most; i += stride) {
    alone.push_back(Product(device, packed, RowsOf(x, shape.k, i, 1)));
  }
  for (int64_t rows : counts) {
    const auto y = Product(device, packed, RowsOf(x, shape.k, 0, rows));
    for (int64_t i = 0; i < rows; i += stride) {
      CHECK_CONTEXT("row %lld of %lld", static_cast<long long>(i), static_cast<long long>(rows));
      CHECK(SameBits(RowsOf(y, shape.n, i, 1), alone[static_cast<size_t>(i / stride)]));
    }
  }
}

}  // namespace

TEST(matmul_of_integers_is_exact) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    for (const Shape& shape : {Shape{1, 32}, Shape{7, 64}, Shape{16, 96}, Shape{17, 32},
                               Shape{33, 160}, Shape{40, 576}}) {
      for (bool extras : {false, true}) {
        CheckIntegers(device, dtype, {shape.n, AwkwardK(dtype, shape.k)}, extras ? 9 : 3, extras);
      }
    }
    if (!IsBlocked(dtype)) CheckIntegers(device, dtype, {3, 1}, 2, true);
  });
}

TEST(matmul_of_many_outputs_is_exact) {
  // From 256 tiles of 16 outputs on a warp takes two of them, from 1024 on four. The larger k make
  // their rings go round.
  const Device device;
  EachFormat([&](int32_t dtype) {
    CheckIntegers(device, dtype, {4085, IsBlocked(dtype) ? 1632 : 529}, 2, true);
    CheckIntegers(device, dtype, {4090, AwkwardK(dtype, 32)}, 9, false);
    CheckIntegers(device, dtype, {4101, AwkwardK(dtype, 32)}, 17, false);
    CheckIntegers(device, dtype, {16387, IsBlocked(dtype) ? 800 : 273}, 1, true);
    CheckIntegers(device, dtype, {16390, 32}, 10, false);
    CheckIntegers(device, dtype, {16401, 32}, 17, false);
  });
}

TEST(matmul_of_many_inputs_is_exact) {
  // Long rows of few outputs are cut among several thread blocks.
  const Device device;
  EachFormat([&](int32_t dtype) {
    for (int64_t rows : {1, 9, 33}) CheckIntegers(device, dtype, {5, 8224}, rows, rows == 9);
  });
}

TEST(matmul_matches_double) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    for (const Shape& shape : {Shape{33, 160}, Shape{40, 576}, Shape{5, 8224}}) {
      CHECK_CONTEXT("n %lld, k %lld", static_cast<long long>(shape.n),
                    static_cast<long long>(shape.k));
      Random random(static_cast<uint64_t>(shape.n * 1000 + shape.k));
      const FileWeights w = MakeWeights(random, dtype, shape.n, AwkwardK(dtype, shape.k), false);
      const PackedWeights packed(device, w);
      const auto x = random.Normals(static_cast<size_t>(3 * w.k));
      const auto y = Product(device, packed, x);
      CheckNearDouble(w, x, y);
    }
  });
}

TEST(matmul_of_many_inputs_and_outputs_matches_double) {
  // So many outputs that no row is cut among thread blocks: the longest sums.
  const Device device;
  for (int32_t dtype : {JG_F32, JG_F16, JG_BF16}) {
    CHECK_CONTEXT("%s", kFormatNames[dtype]);
    Random random(2);
    FileWeights w = MakeWideWeights(random, dtype, 1024, 14336, false);
    const PackedWeights packed(device, w);
    const auto x = random.Normals(static_cast<size_t>(w.k));
    auto y = Product(device, packed, x);
    w.n = 67;  // the rows that differ
    y.resize(static_cast<size_t>(w.n));
    CheckNearDouble(w, x, y);
  }
}

TEST(matmul_row_of_many_equals_row_alone) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    std::vector<int64_t> counts;
    for (int64_t rows = 1; rows <= 128; rows++) counts.push_back(rows);
    CheckRowsAlone(device, dtype, {19, AwkwardK(dtype, 160)}, counts, 1);
  });
}

TEST(matmul_row_of_many_equals_row_alone_whatever_the_shape) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    CheckRowsAlone(device, dtype, {4101, AwkwardK(dtype, 160)}, {9, 17}, 8);
    CheckRowsAlone(device, dtype, {16390, 64}, {9, 17}, 8);
    CheckRowsAlone(device, dtype, {5, AwkwardK(dtype, 8192)}, {9, 17, 33}, 8);
  });
}

TEST(matmul_keeps_nan_and_infinity_in_their_row) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    Random random(3);
    const Shape shape = {20, AwkwardK(dtype, 160)};
    const PackedWeights packed(device, MakeWeights(random, dtype, shape.n, shape.k, false));
    for (int64_t rows : {2, 8, 11, 20}) {
      const auto clean = random.Normals(static_cast<size_t>(rows * shape.k));
      const auto want = Product(device, packed, clean);
      for (float bad :
           {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
            -std::numeric_limits<float>::infinity()}) {
        for (int64_t row : {int64_t{0}, rows - 1}) {
          CHECK_CONTEXT("%g in row %lld of %lld", static_cast<double>(bad),
                        static_cast<long long>(row), static_cast<long long>(rows));
          auto x = clean;
          x[static_cast<size_t>(row * shape.k + 40)] = bad;
          const auto y = Product(device, packed, x);
          for (size_t i = 0; i < y.size(); i++) {
            if (static_cast<int64_t>(i) / shape.n == row) {
              CHECK(!std::isfinite(y[i]));
            } else {
              CHECK_BITS(y[i], want[i]);
            }
          }
        }
      }
    }
  });
}

TEST(matmul_of_all_but_one_row_nan_equals_row_alone) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    Random random(5);
    const Shape shape = {20, AwkwardK(dtype, 96)};
    const PackedWeights packed(device, MakeWeights(random, dtype, shape.n, shape.k, false));
    const auto row = random.Normals(static_cast<size_t>(shape.k));
    const auto want = Product(device, packed, row);
    for (int64_t rows : {3, 16, 37}) {
      for (int64_t at : {int64_t{0}, rows / 2, rows - 1}) {
        std::vector<float> x(static_cast<size_t>(rows * shape.k),
                             std::numeric_limits<float>::quiet_NaN());
        std::copy(row.begin(), row.end(), x.begin() + at * shape.k);
        const auto y = Product(device, packed, x);
        CHECK(SameBits(RowsOf(y, shape.n, at, 1), want));
      }
    }
  });
}

TEST(matmul_of_tiny_zero_and_huge_activations_is_finite) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    Random random(4);
    const PackedWeights packed(device, MakeWeights(random, dtype, 20, 64, false));
    for (float tiny : {0.0f, 1e-45f, 1e-38f, 1e-30f}) {
      for (float y : Product(device, packed, std::vector<float>(64, tiny))) {
        CHECK(std::abs(y) < 1e-25f);
      }
    }
    for (float huge : {1e30f, 1e35f, 3e38f}) {
      std::vector<float> x(64, 0.0f);
      x[9] = huge * 1e-3f;
      x[40] = -huge * 1e-3f;
      for (float y : Product(device, packed, x)) CHECK(std::isfinite(y));
    }
  });
}

TEST(matmul_keeps_small_values_beside_a_large_one) {
  // F16 activations are two terms, scaled by the row's largest value: 11 bits of the small values
  // would err by about 1e-6 here.
  const Device device;
  for (int32_t dtype : {JG_F32, JG_F16}) {
    CHECK_CONTEXT("%s", kFormatNames[dtype]);
    Random random(6);
    const FileWeights w = MakeWeights(random, dtype, 20, 67, false);
    const PackedWeights packed(device, w);
    auto x = random.Normals(67, 1e-3f);
    x[11] = 1.0f;
    const auto y = Product(device, packed, x);
    const auto exact = ProductReference<double>(w, x);
    for (size_t i = 0; i < y.size(); i++) CHECK_NEAR(y[i], exact[i], 4e-7);
  }
}

TEST(matmul_in_a_graph_repeats_itself) {
  const Device device;
  EachFormat([&](int32_t dtype) {
    Random random(8);
    for (const Shape& shape : {Shape{20, 64}, Shape{5, 8192}}) {
      const PackedWeights packed(device, MakeWeights(random, dtype, shape.n, shape.k, false));
      const auto x = random.Normals(static_cast<size_t>(3 * shape.k));
      const auto want = Product(device, packed, x);
      int64_t scratch_bytes = 0;
      CHECK_OK(
          jg_matmul_scratch_bytes(device.context(), dtype, shape.n, shape.k, 3, &scratch_bytes));
      const DeviceArray<uint8_t> scratch(device, scratch_bytes);
      const DeviceArray<float> x_device(device, x);
      DeviceArray<float> y(device, 3 * shape.n);
      jg_graph* graph = nullptr;
      CHECK_OK(jg_graph_begin(device.stream()));
      CHECK_OK(jg_matmul(device.stream(), dtype, shape.n, shape.k, packed.data(), 3,
                         x_device.data(), shape.k, y.data(), shape.n, nullptr, 0, scratch.data(),
                         scratch_bytes));
      CHECK_OK(jg_graph_end(device.stream(), &graph));
      for (int i = 0; i < 3; i++) {
        y.Upload(std::vector<float>(want.size(), std::numeric_limits<float>::quiet_NaN()));
        CHECK_OK(jg_graph_launch(device.stream(), graph));
        device.Synchronize();
        CHECK(SameBits(y.Download(), want));
      }
      CHECK_OK(jg_graph_destroy(graph));
    }
  });
}

TEST(matmul_refuses_wrong_arguments) {
  const Device device;
  Random random(1);
  const PackedWeights w(device, MakeWeights(random, JG_F16, 7, 64, false));
  const DeviceArray<float> x(device, 64);
  const DeviceArray<float> y(device, 64);
  int64_t bytes = 0;
  CHECK_OK(jg_matmul_scratch_bytes(device.context(), JG_F16, 7, 64, 1, &bytes));
  const DeviceArray<uint8_t> scratch(device, bytes + 64);
  const auto refused = [](int32_t status, const char* part) {
    CHECK_EQ(status, JG_INVALID_ARGUMENT);
    CHECK_CONTEXT("%s", jg_last_error());
    CHECK(LastError().find(part) != std::string::npos);
  };
  const auto matmul = [&](const uint8_t* packed, uint8_t* memory, int64_t memory_bytes) {
    return jg_matmul(device.stream(), JG_F16, 7, 64, packed, 1, x.data(), 64, y.data(), 7, nullptr,
                     0, memory, memory_bytes);
  };
  CHECK_OK(matmul(w.data(), scratch.data(), bytes));
  refused(matmul(w.data() + 8, scratch.data(), bytes),
          "the packed weight is not aligned to 16 bytes");
  refused(matmul(nullptr, scratch.data(), bytes), "the packed weight is null");
  refused(matmul(w.data(), scratch.data() + 32, bytes), "the scratch is not aligned to 64 bytes");
  if (bytes > 0) refused(matmul(w.data(), scratch.data(), bytes - 1), "bytes of scratch; needs");
  // Kernels count steps of k in 32 bits.
  const int64_t most = int64_t{1} << 30;
  CHECK_OK(jg_pack_bytes(device.context(), JG_F16, 1, most, &bytes));
  refused(jg_pack_bytes(device.context(), JG_F16, 1, most + 1, &bytes),
          "a weight of 1 x 1073741825");
}
