// Meaning: outputs near those in double, exact on integers, and sound at the ends of the range.
#include <algorithm>
#include <numeric>

#include "attention_scene.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// The keys (or values) of a head that a row sees, as the cache holds them.
std::vector<float> Seen(const Scene& scene, const DeviceCache& cache, int32_t row, int64_t kv_head,
                        const std::vector<float>& prefix, const std::vector<float>& own) {
  std::vector<float> seen;
  const auto add = [&](const std::vector<float>& from, int64_t i) {
    for (int64_t d = 0; d < scene.shape.dim; d++) {
      const int64_t at = i * scene.shape.Kv() + kv_head * scene.shape.dim + d;
      seen.push_back(cache.Stored(from[static_cast<size_t>(at)]));
    }
  };
  for (int32_t i = 0; i < scene.committed; i++) add(prefix, i);
  for (int32_t i : scene.Path(row)) add(own, i);
  return seen;
}

// Weights in f16 err by 2^-12 of themselves, in numerator and denominator.
void CheckAgainstDouble(const Device& device, const Scene& scene, double slack = 0) {
  const AttentionShape& shape = scene.shape;
  const int64_t dim = shape.dim;
  const bool tensor_cores = scene.dtype == JG_F16 && dim % 8 == 0;
  const auto cache = scene.Start(device);
  const DeviceBatch batch(device, {scene.Sequence()});
  cache->Append(batch, scene.k, scene.v);
  const auto out = cache->Attend(batch, scene.q);
  for (int32_t row = 0; row < scene.Rows(); row++) {
    for (int64_t head = 0; head < shape.heads; head++) {
      const int64_t kv_head = head / (shape.heads / shape.kv_heads);
      const auto keys = Seen(scene, *cache, row, kv_head, scene.prefix_k, scene.k);
      const auto values = Seen(scene, *cache, row, kv_head, scene.prefix_v, scene.v);
      const float* q = scene.q.data() + row * shape.Q() + head * dim;
      const auto count = static_cast<int64_t>(keys.size()) / dim;
      const auto exact =
          AttentionReference<double>(q, keys.data(), values.data(), count, dim, shape.Scale());
      const auto naive =
          AttentionReference<float>(q, keys.data(), values.data(), count, dim, shape.Scale());
      const double most = LargestMagnitude(values.data(), static_cast<int64_t>(values.size()));
      const double bound =
          ErrorBound(naive, exact, 8) + (tensor_cores ? 0x1p-11 * most : 0) + slack;
      CHECK_CONTEXT("row %d, head %d", row, static_cast<int>(head));
      CHECK_NEAR(LargestDifference(out.data() + row * shape.Q() + head * dim, exact.data(), dim), 0,
                 bound);
    }
  }
}

}  // namespace

TEST(attention_matches_double) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (int64_t dim : {18, 32, 64, 80, 128, 256}) {
      for (int32_t committed : {0, 5, 64, 300}) {
        CHECK_CONTEXT("dtype %d, head_dim %d, committed %d", dtype, static_cast<int>(dim),
                      committed);
        Scene scene({4, 2, dim}, dtype, committed, {-1, 0, 0, 1, -1}, 41);
        for (float& x : scene.q) x *= 2;  // far from uniform weights
        CheckAgainstDouble(device, scene);
      }
    }
  }
}

// Queries beyond the range of f16, and queries so small that f16 would lose them.
TEST(attention_takes_queries_of_any_size) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    const std::pair<int, int> exponents[] = {{-80, 0}, {-20, 0}, {17, -14}, {-12, 13}};
    for (const auto& [of_q, of_k] : exponents) {
      CHECK_CONTEXT("dtype %d, 2^%d", dtype, of_q);
      Scene scene({2, 1, 64}, dtype, 70, {-1, 0}, 43);
      for (float& x : scene.q) x = std::ldexp(x, of_q);
      for (float& x : scene.prefix_k) x = std::ldexp(x, of_k);
      for (float& x : scene.k) x = std::ldexp(x, of_k);
      CheckAgainstDouble(device, scene);
    }
  }
}

// Two keys that differ in every dimension and whose large scores hardly do: what f16 takes from a
// query would tip the balance.
TEST(attention_weighs_large_scores) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (uint64_t seed = 71; seed < 81; seed++) {
      Scene scene({1, 1, 64}, dtype, 1, {-1}, seed);
      size_t largest = 0;
      double difference = 0;
      for (size_t d = 0; d < 64; d++) {
        scene.q[d] *= 256;
        difference += static_cast<double>(scene.q[d]) * (scene.prefix_k[d] - scene.k[d]);
        if (std::fabs(scene.q[d]) > std::fabs(scene.q[largest])) largest = d;
      }
      scene.k[largest] += static_cast<float>(difference / scene.q[largest]);
      CheckAgainstDouble(device, scene, 1e-4);
    }
  }
}

// Weights of e^-18 of the largest count, too: f16 itself ends at e^-16.6.
TEST(attention_keeps_small_weights) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    Scene scene({1, 1, 16}, dtype, 300, {-1}, 81);
    scene.q.assign(scene.q.size(), 4.0f);
    scene.prefix_k.assign(scene.prefix_k.size(), -18.0f / 16);
    scene.prefix_v.assign(scene.prefix_v.size(), 1.0f);
    scene.k.assign(scene.k.size(), 0.0f);
    scene.v.assign(scene.v.size(), 0.0f);
    const auto cache = scene.Start(device);
    const DeviceBatch batch(device, {scene.Sequence()});
    cache->Append(batch, scene.k, scene.v);
    const double exact = 300 * std::exp(-18.0) / (1 + 300 * std::exp(-18.0));
    for (float x : cache->Attend(batch, scene.q)) CHECK_NEAR(x, exact, exact * 0x1p-10);
  }
}

// q = 0 gives every key the weight 1: the mean of integers, one rounding from the exact sums.
TEST(attention_averages_integers_exactly) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (int32_t committed : {0, 62, 63, 64, 200}) {
      CHECK_CONTEXT("dtype %d, committed %d", dtype, committed);
      Random random(51);
      Scene scene({6, 2, 24}, dtype, committed, RandomParents(random, 30), 52);
      scene.prefix_v = random.Integers(scene.prefix_v.size(), 1000);
      scene.v = random.Integers(scene.v.size(), 1000);
      scene.q.assign(scene.q.size(), 0.0f);
      const auto cache = scene.Start(device);
      const DeviceBatch batch(device, {scene.Sequence()});
      cache->Append(batch, scene.k, scene.v);
      const auto out = cache->Attend(batch, scene.q);
      for (int32_t row = 0; row < scene.Rows(); row++) {
        for (int64_t i = 0; i < scene.shape.Q(); i++) {
          const auto values = Seen(scene, *cache, row, i / 24 / 3, scene.prefix_v, scene.v);
          const auto count = static_cast<int64_t>(values.size()) / 24;
          float sum = 0;
          for (int64_t j = 0; j < count; j++) sum += values[static_cast<size_t>(j * 24 + i % 24)];
          CHECK_EQ(out[static_cast<size_t>(row * scene.shape.Q() + i)],
                   sum / static_cast<float>(count));
        }
      }
    }
  }
}

// A NaN in a key that a row sees must not be hidden; scores far apart must not overflow.
TEST(attention_at_the_ends) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    CHECK_CONTEXT("dtype %d", dtype);
    Scene scene({1, 1, 16}, dtype, 100, {-1, 0, 0}, 61);
    for (size_t i = 0; i < scene.prefix_k.size(); i++) {
      scene.prefix_k[i] = i / 16 == 70 ? 1e4f : -1e4f;
    }
    for (float& x : scene.q) x = 10.0f;
    scene.k.assign(scene.k.size(), 0.0f);
    scene.k[16] = NAN;  // row 1 only
    const auto cache = scene.Start(device);
    const DeviceBatch batch(device, {scene.Sequence()});
    cache->Append(batch, scene.k, scene.v);
    const auto out = cache->Attend(batch, scene.q);
    for (size_t i = 0; i < 16; i++) {
      CHECK_EQ(out[i], cache->Stored(scene.prefix_v[70 * 16 + i]));
      CHECK(std::isnan(out[16 + i]));
      CHECK_EQ(out[32 + i], cache->Stored(scene.prefix_v[70 * 16 + i]));
    }
  }
}

// Scores so large that the rounding of an exponent is a large factor: the largest takes all.
TEST(attention_of_enormous_scores) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (uint64_t seed = 91; seed < 99; seed++) {
      CHECK_CONTEXT("dtype %d, seed %d", dtype, static_cast<int>(seed));
      Scene scene({1, 1, 64}, dtype, 100, {-1}, seed);
      for (float& x : scene.q) x = std::ldexp(x, 20 + 2 * static_cast<int>(seed - 91));
      std::vector<double> scores;
      const auto cache = scene.Start(device);
      const auto keys = Seen(scene, *cache, 0, 0, scene.prefix_k, scene.k);
      for (size_t j = 0; j < keys.size(); j += 64) {
        scores.push_back(std::inner_product(scene.q.begin(), scene.q.end(), keys.begin() + j, 0.0));
      }
      const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
      const DeviceBatch batch(device, {scene.Sequence()});
      cache->Append(batch, scene.k, scene.v);
      const auto values = Seen(scene, *cache, 0, 0, scene.prefix_v, scene.v);
      const auto out = cache->Attend(batch, scene.q);
      for (size_t d = 0; d < 64; d++) {
        CHECK_EQ(out[d], values[static_cast<size_t>(best) * 64 + d]);
      }
    }
  }
}

TEST(attention_refuses_scratch_that_is_not_aligned) {
  const Device device;
  const DeviceBatch batch(device, {{3, {-1, 0}, {0}}});
  const DeviceArray<float> q(device, 2 * 64);
  const DeviceArray<uint16_t> pages(device, 2 * 64 * 64);
  int64_t bytes = 0;
  CHECK_OK(jg_attention_scratch_bytes(device.context(), 1, 64, 2, 1, &bytes));
  const DeviceArray<uint8_t> scratch(device, bytes + 64);
  CHECK_EQ(jg_attention(device.stream(), batch.batch(), JG_F16, 1, 1, 64, 1, pages.data(), q.data(),
                        64, q.data(), 64, scratch.data() + 32, bytes),
           JG_INVALID_ARGUMENT);
  CHECK(LastError().find("the scratch is not aligned to 64 bytes") != std::string::npos);
}
