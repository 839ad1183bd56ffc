// A fused call must have the bits of the calls that it stands for: every format, shape, alignment
// and number of rows.
#include <functional>
#include <memory>

#include "cache_on_device.h"
#include "weights_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr float kEps = 1e-5f;
constexpr int64_t kGap = 3;  // between rows of y

// Rows in memory, from `offset` elements on and `ld` apart, NaN around them.
struct Spread {
  int64_t offset, ld;

  std::vector<float> Of(const std::vector<float>& rows, int64_t columns) const {
    const int64_t count = std::ssize(rows) / columns;
    std::vector<float> all(static_cast<size_t>(offset + count * ld), NAN);
    for (int64_t i = 0; i < count; i++) {
      std::copy_n(rows.begin() + i * columns, columns, all.begin() + offset + i * ld);
    }
    return all;
  }
};

// One input of a product, by two ways.
struct Ways {
  // Writes x [rows][k] for jg_matmul.
  std::function<int32_t(float* x)> make;
  // Calls the fused product.
  std::function<int32_t(float* y, int64_t ldy, const float* bias, int32_t accumulate, void* scratch,
                        int64_t scratch_bytes)>
      fused;
};

void CheckWays(const Device& device, const PackedWeights& w, int64_t rows, bool extras,
               const Ways& ways) {
  CHECK_CONTEXT("%s, n %lld, k %lld, %lld rows", kFormatNames[w.dtype()],
                static_cast<long long>(w.n()), static_cast<long long>(w.k()),
                static_cast<long long>(rows));
  Random random(static_cast<uint64_t>(w.n()));
  const DeviceArray<float> bias(device, random.Normals(static_cast<size_t>(w.n())));
  const int64_t ldy = w.n() + kGap;
  const auto before = random.Normals(static_cast<size_t>(rows * ldy));
  const float* extra = extras ? bias.data() : nullptr;
  std::vector<std::vector<float>> results;
  for (bool fused : {false, true}) {
    int64_t bytes = 0;
    if (fused) {
      CHECK_OK(
          jg_fused_matmul_scratch_bytes(device.context(), w.dtype(), w.n(), w.k(), rows, &bytes));
    } else {
      CHECK_OK(jg_matmul_scratch_bytes(device.context(), w.dtype(), w.n(), w.k(), rows, &bytes));
    }
    const DeviceArray<uint8_t> scratch(device,
                                       std::vector<uint8_t>(static_cast<size_t>(bytes), 0xff));
    scratch.Forget();
    const DeviceArray<float> y(device, before);
    if (fused) {
      CHECK_OK(ways.fused(y.data(), ldy, extra, extras, scratch.data(), bytes));
    } else {
      const DeviceArray<float> x(device, rows * w.k());
      x.Forget();
      CHECK_OK(ways.make(x.data()));
      CHECK_OK(jg_matmul(device.stream(), w.dtype(), w.n(), w.k(), w.data(), rows, x.data(), w.k(),
                         y.data(), ldy, extra, extras, scratch.data(), bytes));
      device.Synchronize();
    }
    results.push_back(y.Download());
  }
  CHECK(SameBits(results[0], results[1]));
}

void CheckRmsnorm(const Device& device, const PackedWeights& w, const Spread& spread,
                  const std::vector<float>& x) {
  Random random(7);
  const int64_t rows = std::ssize(x) / w.k();
  const DeviceArray<float> in(device, spread.Of(x, w.k()));
  const float* first = in.data() + spread.offset;
  const DeviceArray<float> norm(device, random.Normals(static_cast<size_t>(w.k() + 1)));
  const float* weight = norm.data() + spread.offset % 2;
  CheckWays(device, w, rows, rows % 2 == 0,
            {[&](float* made) {
               return jg_rmsnorm(device.stream(), rows, 1, w.k(), first, spread.ld, weight, kEps,
                                 made, w.k());
             },
             [&](float* y, int64_t ldy, const float* bias, int32_t accumulate, void* scratch,
                 int64_t bytes) {
               return jg_rmsnorm_matmul(device.stream(), w.dtype(), w.n(), w.k(), w.data(), rows,
                                        first, spread.ld, weight, kEps, y, ldy, bias, accumulate,
                                        scratch, bytes);
             }});
}

void CheckSwiglu(const Device& device, const PackedWeights& w, const Spread& spread,
                 const std::vector<float>& gates, const std::vector<float>& ups) {
  const int64_t rows = std::ssize(gates) / w.k();
  const DeviceArray<float> gate(device, spread.Of(gates, w.k()));
  const DeviceArray<float> up(device, spread.Of(ups, w.k()));
  const float* g = gate.data() + spread.offset;
  const float* u = up.data() + spread.offset;
  CheckWays(device, w, rows, rows % 2 == 1,
            {[&](float* made) {
               return jg_swiglu(device.stream(), rows, w.k(), g, u, spread.ld, made, w.k());
             },
             [&](float* y, int64_t ldy, const float* bias, int32_t accumulate, void* scratch,
                 int64_t bytes) {
               return jg_swiglu_matmul(device.stream(), w.dtype(), w.n(), w.k(), w.data(), rows, g,
                                       u, spread.ld, y, ldy, bias, accumulate, scratch, bytes);
             }});
}

// Calls check(weights, spread, rows) over formats, shapes and alignments. The lengths of a row are
// those of each size of block that rmsnorm.cuh has, and one more than its registers hold.
void ForEachProduct(
    const Device& device,
    const std::function<void(const PackedWeights&, const Spread&, int64_t rows)>& check) {
  for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
    Random random(static_cast<uint64_t>(dtype));
    for (int64_t k : {32, 288, 640}) {
      const PackedWeights w(device, MakeWeights(random, dtype, 19, k, false));
      for (int64_t rows : {1, 2, 9, 33}) {
        if (rows > 9 && k != 288) continue;
        check(w, {0, k}, rows);
        check(w, {1, k + 3}, rows);
      }
    }
    if (dtype < JG_Q8_0) {
      check(PackedWeights(device, MakeWeights(random, dtype, 5, 523, false)), {0, 524}, 3);
    }
    check(PackedWeights(device, MakeWeights(random, dtype, 3, 8224, false)), {0, 8224}, 1);
  }
}

}  // namespace

TEST(fused_rmsnorm_matmul_has_the_bits_of_both) {
  const Device device;
  ForEachProduct(device, [&](const PackedWeights& w, const Spread& spread, int64_t rows) {
    Random random(static_cast<uint64_t>(rows));
    CheckRmsnorm(device, w, spread, random.Normals(static_cast<size_t>(rows * w.k()), 3));
  });
}

TEST(fused_swiglu_matmul_has_the_bits_of_both) {
  const Device device;
  ForEachProduct(device, [&](const PackedWeights& w, const Spread& spread, int64_t rows) {
    Random random(static_cast<uint64_t>(rows + 100));
    const auto n = static_cast<size_t>(rows * w.k());
    CheckSwiglu(device, w, spread, random.Normals(n, 3), random.Normals(n));
  });
}

// Zeros, values that are not finite, and others beside them.
TEST(fused_products_of_rows_that_are_no_numbers) {
  const Device device;
  for (int32_t dtype : {JG_F32, JG_F16, JG_BF16, JG_Q8_0, JG_Q4_1}) {
    Random random(3);
    const int64_t k = 96;
    const PackedWeights w(device, MakeWeights(random, dtype, 11, k, false));
    auto x = random.Normals(5 * k);
    std::fill_n(x.begin(), k, 0.0f);
    x[k + 5] = INFINITY;
    x[3 * k + 40] = 1e30f;
    CheckRmsnorm(device, w, {0, k}, x);
    CheckSwiglu(device, w, {0, k}, x, x);
  }
}

TEST(fused_rope_append_has_the_bits_of_both) {
  const Device device;
  for (int32_t dtype : {JG_F32, JG_F16}) {
    for (int64_t dim : {2, 6, 64, 80}) {
      for (const AttentionShape shape : {AttentionShape{4, 2, dim}, AttentionShape{3, 1, dim}}) {
        CHECK_CONTEXT("dtype %d, head_dim %lld, %lld heads", dtype, static_cast<long long>(dim),
                      static_cast<long long>(shape.heads));
        Random random(static_cast<uint64_t>(dim));
        const DeviceBatch batch(
            device, {{50, RandomParents(random, 20), {3, 1}}, {2, ChainParents(10), {2}}});
        // Queries, keys and values side by side, as a product leaves them.
        const int64_t ld = shape.Q() + 2 * shape.Kv() + 1;
        const auto rows = random.Normals(static_cast<size_t>(30 * ld));
        const DeviceArray<float> table(device, random.Normals(static_cast<size_t>(80 * dim)));
        const DeviceArray<float> one(device, rows);
        DeviceCache first(device, shape, dtype, 4);
        CHECK_OK(jg_rope(device.stream(), batch.batch(), shape.heads + shape.kv_heads, dim,
                         table.data(), 80, one.data(), ld));
        CHECK_OK(jg_kv_append(device.stream(), batch.batch(), dtype, shape.kv_heads, dim,
                              one.data() + shape.Q(), ld, one.data() + shape.Q() + shape.Kv(), ld,
                              first.bytes().data()));
        const DeviceArray<float> two(device, rows);
        DeviceCache second(device, shape, dtype, 4);
        float* k = two.data() + shape.Q();
        CHECK_OK(jg_rope_append(device.stream(), batch.batch(), shape.heads, shape.kv_heads, dim,
                                table.data(), 80, two.data(), ld, k, ld, k + shape.Kv(), ld, dtype,
                                second.bytes().data()));
        CHECK(first.bytes().Download() == second.bytes().Download());
        auto expected = one.Download();
        auto found = two.Download();
        for (int64_t i = 0; i < 30; i++) {  // what is left in k means nothing
          std::fill_n(expected.begin() + i * ld + shape.Q(), shape.Kv(), 0.0f);
          std::fill_n(found.begin() + i * ld + shape.Q(), shape.Kv(), 0.0f);
        }
        CHECK(SameBits(expected, found));
      }
    }
  }
}

TEST(fused_rope_append_writes_nothing_of_padding) {
  const Device device;
  const AttentionShape shape = {2, 1, 16};
  Random random(6);
  const auto rows = random.Normals(static_cast<size_t>(8 * 4 * 16));
  const DeviceArray<float> table(device, random.Normals(100 * 16));
  const auto append = [&](int32_t padded_rows) {
    DeviceBatch batch(device, 8, 1, 2);
    batch.Set({{60, {-1, 0, 0}, {1, 0}}}, padded_rows);
    const DeviceArray<float> x(device, rows);
    DeviceCache cache(device, shape, JG_F16, 2);
    CHECK_OK(jg_rope_append(device.stream(), batch.batch(), 2, 1, 16, table.data(), 100, x.data(),
                            64, x.data() + 32, 64, x.data() + 48, 64, JG_F16,
                            cache.bytes().data()));
    return cache.bytes().Download();
  };
  CHECK(append(3) == append(8));
}

TEST(fused_calls_refuse_wrong_arguments) {
  const Device device;
  Random random(1);
  const PackedWeights w(device, MakeWeights(random, JG_Q8_0, 7, 64, false));
  const DeviceArray<float> x(device, 4 * 64);
  const DeviceArray<float> y(device, 4 * 64);
  int64_t bytes = 0;
  CHECK_OK(jg_fused_matmul_scratch_bytes(device.context(), JG_Q8_0, 7, 64, 4, &bytes));
  const DeviceArray<uint8_t> scratch(device, bytes);
  const auto refused = [](int32_t status, const char* part) {
    CHECK_EQ(status, JG_INVALID_ARGUMENT);
    CHECK_CONTEXT("%s", jg_last_error());
    CHECK(LastError().find(part) != std::string::npos);
  };
  refused(jg_fused_matmul_scratch_bytes(device.context(), JG_Q8_0, 7, 64, 0, &bytes), "0 rows");
  refused(jg_rmsnorm_matmul(device.stream(), JG_Q8_0, 7, 64, w.data(), 4, x.data(), 64, nullptr,
                            kEps, y.data(), 7, nullptr, 0, scratch.data(), bytes),
          "norm is null");
  refused(jg_rmsnorm_matmul(device.stream(), JG_Q8_0, 7, 64, w.data(), 4, x.data(), 63, x.data(),
                            kEps, y.data(), 7, nullptr, 0, scratch.data(), bytes),
          "ldx 63 for k 64");
  refused(jg_rmsnorm_matmul(device.stream(), JG_Q8_0, 7, 64, w.data(), 4, x.data(), 64, x.data(),
                            kEps, y.data(), 7, nullptr, 0, scratch.data(), bytes - 1),
          "bytes of scratch");
  refused(jg_rmsnorm_matmul(device.stream(), JG_Q8_0, 7, 64, w.data() + 8, 4, x.data(), 64,
                            x.data(), kEps, y.data(), 7, nullptr, 0, scratch.data(), bytes),
          "the packed weight is not aligned to 16 bytes");
  refused(jg_swiglu_matmul(device.stream(), JG_Q8_0, 7, 64, w.data(), 4, x.data(), nullptr, 64,
                           y.data(), 7, nullptr, 0, scratch.data(), bytes),
          "up is null");
  refused(jg_swiglu_matmul(device.stream(), JG_Q8_0, 7, 65, w.data(), 4, x.data(), x.data(), 65,
                           y.data(), 7, nullptr, 0, scratch.data(), bytes),
          "multiple of 32");
  const DeviceBatch batch(device, {{3, {-1, 0}, {0}}});
  refused(jg_rope_append(device.stream(), batch.batch(), 1, 1, 16, x.data(), 4, y.data(), 48,
                         y.data() + 16, 48, y.data() + 32, 48, JG_F16, scratch.data()),
          "row 1: position 4; the table has 4");
  refused(jg_rope_append(device.stream(), batch.batch(), 1, 1, 15, x.data(), 9, y.data(), 48,
                         y.data() + 16, 48, y.data() + 32, 48, JG_F16, scratch.data()),
          "1 heads over 1 of 15");
  refused(jg_rope_append(device.stream(), batch.batch(), 1, 1, 16, x.data(), 9, y.data(), 48,
                         y.data() + 16, 48, y.data() + 32, 48, JG_BF16, scratch.data()),
          "no cache format");
}
