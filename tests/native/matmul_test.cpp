#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"
#include "weights.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Shape {
  int64_t n, k;
};

constexpr Shape kShapes[] = {{1, 32}, {7, 64}, {16, 96}, {17, 32}, {33, 160}, {40, 576}, {100, 64}};

struct Packed {
  GuardedBuffer<uint8_t> bytes;

  Packed(const Kernels& kernels, const FileWeights& w)
      : bytes(static_cast<size_t>(kernels.pack_bytes(w.dtype, w.n, w.k))) {
    std::fill(bytes.begin(), bytes.end(), uint8_t{0});  // as jg_buffer_alloc gives it
    GuardedBuffer<uint8_t> source(w.bytes);
    const PackArgs args = {w.dtype,     w.n, w.k, 0, w.n, source.data(), std::ssize(w.bytes),
                           bytes.data()};
    // In two parts, as threads do it.
    kernels.pack(args, 0, w.n / 3);
    kernels.pack(args, w.n / 3, w.n);
    CHECK(bytes.SlackIntact());
  }
};

// y of `rows` rows of x; the tiles are cut into ranges of `cut`.
std::vector<float> Product(const Kernels& kernels, const FileWeights& w, const Packed& packed,
                           const float* x, int64_t rows, int64_t cut, const float* bias = nullptr,
                           const std::vector<float>* add = nullptr) {
  GuardedBuffer<float> in(std::vector<float>(x, x + rows * w.k));
  GuardedBuffer<float> out(static_cast<size_t>(rows * w.n));
  if (add != nullptr) std::copy(add->begin(), add->end(), out.begin());
  GuardedBuffer<uint8_t> scratch(
      static_cast<size_t>(kernels.matmul_scratch_bytes(w.dtype, w.n, w.k, rows)));
  const MatmulArgs args = {
      w.dtype,    w.n, w.k,  packed.bytes.data(), rows,          in.data(), w.k,
      out.data(), w.n, bias, add != nullptr,      scratch.data()};
  if (scratch.size() > 0) {
    kernels.matmul_prepare(args, 0, rows / 2);
    kernels.matmul_prepare(args, rows / 2, rows);
  }
  const int64_t tiles = kernels.matmul_tiles(w.dtype, w.n, w.k);
  for (int64_t i = 0; i < tiles; i += cut) kernels.matmul(args, i, std::min(tiles, i + cut));
  CHECK(out.SlackIntact());
  return {out.begin(), out.end()};
}

// Integer activations of which each block of 32 holds a 127, so that int8 blocks hold them exactly.
std::vector<float> IntegerRows(Random& random, int64_t rows, int64_t k, int32_t dtype) {
  const bool blocks = dtype >= JG_Q8_0;
  auto x = random.Integers(static_cast<size_t>(rows * k), blocks ? 127 : 15);
  for (int64_t i = 0; blocks && i < rows * k; i += 32) {
    x[static_cast<size_t>(i + random.Below(32))] = 127;
  }
  return x;
}

// Blocks of scale 1 and minimum 0 of which every byte is the same; so are its two halves where each
// is a weight.
FileWeights SameBytes(int32_t dtype, int64_t n, int64_t k, uint8_t byte) {
  FileWeights w = {dtype, n, k, {}, {}};
  const uint16_t one = FloatToHalf(1);
  const bool wide = dtype == JG_Q8_0;
  for (int64_t block = 0; block < n * k / 32; block++) {
    w.bytes.push_back(static_cast<uint8_t>(one));
    w.bytes.push_back(static_cast<uint8_t>(one >> 8));
    if (dtype == JG_Q4_1) w.bytes.insert(w.bytes.end(), 2, uint8_t{0});
    w.bytes.insert(w.bytes.end(), wide ? 32 : 16, byte);
  }
  const int value = wide ? static_cast<int8_t>(byte) : (byte & 15) - (dtype == JG_Q4_0 ? 8 : 0);
  w.values.assign(static_cast<size_t>(n * k), static_cast<float>(value));
  return w;
}

// What the activations of a row count as: int8 blocks for the formats of blocks.
std::vector<float> Rounded(const std::vector<float>& x, int32_t dtype, const char* tier) {
  std::vector<float> rounded = x;
  if (dtype == JG_BF16 && std::string(tier).find("bf16") != std::string::npos) {
    for (float& value : rounded) {
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
      std::memcpy(&value, &bits, 4);
    }
  }
  if (dtype < JG_Q8_0) return rounded;
  for (size_t b = 0; b < x.size(); b += 32) {
    float most = 0;
    for (size_t i = b; i < b + 32; i++) most = std::max(most, std::abs(x[i]));
    for (size_t i = b; i < b + 32; i++) {
      rounded[i] = std::nearbyint(x[i] * (127.0f / most)) * (most / 127.0f);
    }
  }
  return rounded;
}

template <typename Fn>
void EachTierFormatShape(const Fn& fn) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
      for (const Shape& shape : kShapes) {
        // The formats of single elements take any k; an odd one leaves half a pair.
        const int64_t k = shape.k + (dtype <= JG_BF16 ? 5 : 0);
        CHECK_CONTEXT("tier %s, %s, n %lld, k %lld", tier.name, kFormatNames[dtype],
                      static_cast<long long>(shape.n), static_cast<long long>(k));
        fn(tier, dtype, shape.n, k);
      }
    }
  }
}

}  // namespace

TEST(matmul_of_integers_is_exact) {
  EachTierFormatShape([](const Tier& tier, int32_t dtype, int64_t n, int64_t k) {
    Random random(static_cast<uint64_t>(n * 1000 + k));
    const FileWeights w = MakeWeights(random, dtype, n, k, true);
    const Packed packed(*tier.kernels, w);
    const int64_t rows = 9;
    const auto x = IntegerRows(random, rows, k, dtype);
    const auto bias = random.Integers(static_cast<size_t>(n), 100);
    const auto add = random.Integers(static_cast<size_t>(rows * n), 100);
    GuardedBuffer<float> guarded_bias(bias);
    const auto y =
        Product(*tier.kernels, w, packed, x.data(), rows, 1000, guarded_bias.data(), &add);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t l = 0; l < k; l++) {
          sum += static_cast<double>(x[static_cast<size_t>(i * k + l)]) *
                 static_cast<double>(w.values[static_cast<size_t>(j * k + l)]);
        }
        const auto at = static_cast<size_t>(i * n + j);
        sum += bias[static_cast<size_t>(j)] + add[at];
        CHECK_EQ(static_cast<double>(y[at]), sum);
      }
    }
  });
}

// Sums of a block's products are kept in 16 or 32 bits, which these fill as far as any can.
TEST(matmul_of_the_largest_blocks_is_exact) {
  const int64_t n = 17;
  const int64_t k = 64;
  const int64_t rows = 9;
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype = JG_Q8_0; dtype <= JG_Q4_1; dtype++) {
      const bool wide = dtype == JG_Q8_0;
      for (const int byte : {wide ? 0x80 : 0xff, wide ? 0x7f : 0x00}) {
        const FileWeights w = SameBytes(dtype, n, k, static_cast<uint8_t>(byte));
        const Packed packed(*tier.kernels, w);
        for (const float activation : {127.0f, -127.0f}) {
          CHECK_CONTEXT("tier %s, %s, bytes 0x%02x, activations %g", tier.name, kFormatNames[dtype],
                        byte, static_cast<double>(activation));
          const std::vector<float> x(static_cast<size_t>(rows * k), activation);
          const float sum = static_cast<float>(k) * activation * w.values[0];
          for (float y : Product(*tier.kernels, w, packed, x.data(), rows, 1000)) CHECK_EQ(y, sum);
        }
      }
    }
  }
}

TEST(matmul_matches_double) {
  EachTierFormatShape([](const Tier& tier, int32_t dtype, int64_t n, int64_t k) {
    Random random(static_cast<uint64_t>(n * 1000 + k));
    const FileWeights w = MakeWeights(random, dtype, n, k, false);
    const Packed packed(*tier.kernels, w);
    const int64_t rows = 3;
    const auto x = random.Normals(static_cast<size_t>(rows * k));
    const auto rounded = Rounded(x, dtype, tier.name);
    const auto y = Product(*tier.kernels, w, packed, x.data(), rows, 1000);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < n; j++) {
        double exact = 0;
        double magnitude = 0;
        for (int64_t l = 0; l < k; l++) {
          const double term = static_cast<double>(rounded[static_cast<size_t>(i * k + l)]) *
                              static_cast<double>(w.values[static_cast<size_t>(j * k + l)]);
          exact += term;
          magnitude += std::abs(term);
        }
        // A sum of k products in float: every step rounds by at most half an ulp of the magnitude.
        const double bound = magnitude * static_cast<double>(k + 8) * 0x1p-24;
        CHECK_NEAR(static_cast<double>(y[static_cast<size_t>(i * n + j)]), exact, bound);
      }
    }
  });
}

TEST(matmul_row_of_many_equals_row_alone) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
      const int64_t n = 41;
      const int64_t k = dtype <= JG_BF16 ? 131 : 128;
      CHECK_CONTEXT("tier %s, %s", tier.name, kFormatNames[dtype]);
      Random random(7);
      const FileWeights w = MakeWeights(random, dtype, n, k, false);
      const Packed packed(*tier.kernels, w);
      const int64_t most = 128;
      const auto x = random.Normals(static_cast<size_t>(most * k));
      std::vector<float> alone;
      for (int64_t i = 0; i < most; i++) {
        const auto y = Product(*tier.kernels, w, packed, x.data() + i * k, 1, 1000);
        alone.insert(alone.end(), y.begin(), y.end());
      }
      for (int64_t rows = 1; rows <= most; rows++) {
        const auto y = Product(*tier.kernels, w, packed, x.data(), rows, 1 + rows % 4);
        const bool same = std::memcmp(y.data(), alone.data(), y.size() * sizeof(float)) == 0;
        CHECK(same);
      }
    }
  }
}

TEST(matmul_passes_nan_and_infinity_on) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
      CHECK_CONTEXT("tier %s, %s", tier.name, kFormatNames[dtype]);
      Random random(3);
      const FileWeights w = MakeWeights(random, dtype, 20, 64, false);
      const Packed packed(*tier.kernels, w);
      for (float bad :
           {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        auto x = random.Normals(2 * 64);
        x[64 + 40] = bad;
        const auto y = Product(*tier.kernels, w, packed, x.data(), 2, 1000);
        for (size_t j = 0; j < 20; j++) {
          CHECK(std::isfinite(y[j]));
          CHECK(!std::isfinite(y[20 + j]));
        }
      }
    }
  }
}

TEST(matmul_of_tiny_and_zero_activations_is_finite) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
      Random random(4);
      const FileWeights w = MakeWeights(random, dtype, 20, 64, false);
      const Packed packed(*tier.kernels, w);
      for (float tiny : {0.0f, 1e-45f, 1e-38f, 1e-30f}) {
        const std::vector<float> x(64, tiny);
        for (float y : Product(*tier.kernels, w, packed, x.data(), 1, 1000)) {
          CHECK(std::abs(y) < 1e-25f);
        }
      }
    }
  }
}

TEST(pack_and_embed_give_every_weight_back) {
  EachTierFormatShape([](const Tier& tier, int32_t dtype, int64_t n, int64_t k) {
    Random random(static_cast<uint64_t>(n + k));
    const FileWeights w = MakeWeights(random, dtype, n, k, false);
    const Packed packed(*tier.kernels, w);
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i < n; i++) tokens.push_back(static_cast<int32_t>((i * 7 + 3) % n));
    BatchView batch;
    batch.rows = static_cast<int32_t>(n);
    batch.token = tokens.data();
    GuardedBuffer<float> out(static_cast<size_t>(n * k));
    const EmbedArgs args = {&batch, dtype, n, k, packed.bytes.data(), out.data(), k};
    tier.kernels->embed(args, 0, n);
    for (int64_t i = 0; i < n; i++) {
      for (int64_t l = 0; l < k; l++) {
        CHECK_BITS(out[static_cast<size_t>(i * k + l)],
                   w.values[static_cast<size_t>(tokens[static_cast<size_t>(i)] * k + l)]);
      }
    }
  });
}
