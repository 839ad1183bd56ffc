#include "check.h"
#include "guard.h"
#include "random.h"
#include "sample_reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

Sampling SamplingOf(const Filters& f, uint64_t seed) {
  return {f.temperature,
          f.top_k,
          f.top_p,
          f.min_p,
          static_cast<uint32_t>(seed),
          static_cast<uint32_t>(seed >> 32)};
}

// Draws one token per position from the same logits.
std::vector<int32_t> Draw(const Kernels& kernels, const std::vector<float>& logits,
                          const std::vector<int32_t>& positions, const Filters& f, uint64_t seed) {
  BatchView view;
  view.rows = static_cast<int32_t>(positions.size());
  const std::vector<int32_t> sequence(positions.size(), 0);
  const Sampling sampling = SamplingOf(f, seed);
  view.sequence = sequence.data();
  view.position = positions.data();
  view.sampling = &sampling;
  GuardedBuffer<float> guarded(logits);
  GuardedBuffer<int32_t> ids(positions.size());
  const auto n = static_cast<int64_t>(logits.size());
  std::vector<unsigned char> scratch(
      static_cast<size_t>(kernels.sample_scratch_bytes(view.rows, n)));
  kernels.sample({&view, 0, view.rows, n, guarded.data(), 0, ids.data(), scratch.data()}, 0,
                 view.rows);
  return {ids.begin(), ids.end()};
}

// Draw of a tier.
auto DrawOf(const Tier& tier) {
  return [&tier](const std::vector<float>& logits, const std::vector<int32_t>& positions,
                 const Filters& f,
                 uint64_t seed) { return Draw(*tier.kernels, logits, positions, f, seed); };
}

void CheckAgainstReference(const Tier& tier, const std::vector<float>& logits, const Filters& f,
                           int32_t draws) {
  CHECK_CONTEXT("tier %s", tier.name);
  CheckDraws(logits, f, draws, DrawOf(tier));
}

const std::vector<Filters> kFilters = {
    {.temperature = 1},
    {.temperature = 0.3f},
    {.temperature = 3},
    {.top_k = 1},
    {.top_k = 7},
    {.temperature = 2, .top_k = 64},
    {.temperature = 2, .top_k = 65},
    {.temperature = 4, .top_k = 150},
    {.top_p = 0.3f},
    {.top_p = 0.9f},
    {.temperature = 5, .top_p = 0.93f},
    {.min_p = 0.05f},
    {.temperature = 2, .min_p = 0.3f},
    {.temperature = 2, .top_k = 20, .top_p = 0.8f},
    {.temperature = 2, .top_k = 100, .top_p = 0.7f, .min_p = 0.1f},
    {.top_k = 5, .top_p = 0.95f, .min_p = 0.02f},
};

}  // namespace

// Known answers of the generator: Random123's kat_vectors.
TEST(sample_reference_generator_gives_the_published_words) {
  uint32_t zero[4] = {0, 0, 0, 0};
  PhiloxReference(zero, 0, 0);
  CHECK_EQ(zero[0], 0x6627e8d5u);
  CHECK_EQ(zero[1], 0xe169c58du);
  CHECK_EQ(zero[2], 0xbc57ac4cu);
  CHECK_EQ(zero[3], 0x9b00dbd8u);
  uint32_t pi[4] = {0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u};
  PhiloxReference(pi, 0xa4093822u, 0x299f31d0u);
  CHECK_EQ(pi[0], 0xd16cfe09u);
  CHECK_EQ(pi[1], 0x94fdccebu);
  CHECK_EQ(pi[2], 0x5001e420u);
  CHECK_EQ(pi[3], 0x24126ea1u);
}

TEST(sample_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (size_t n : {1u, 2u, 15u, 64u, 100u, 257u, 1000u}) {
      Random random(n);
      const auto logits = random.Normals(n, 3.0f);
      for (const Filters& f : kFilters) CheckAgainstReference(tier, logits, f, 200);
    }
  }
}

// Logits with many ties, also at the filters' edges; no sum of weights lies near a top_p.
TEST(sample_filters_take_the_lower_id_of_equals) {
  for (const Tier& tier : Tiers()) {
    for (size_t n : {10u, 100u, 300u}) {
      Random random(n + 1);
      const auto logits = random.Integers(n, 3);
      for (const Filters& f : kFilters) CheckAgainstReference(tier, logits, f, 200);
      const std::vector<float> flat(n, 2.5f);
      for (const Filters& f : kFilters) CheckAgainstReference(tier, flat, f, 100);
    }
    // Four equal tokens, half of the weight: exactly two.
    const std::vector<float> four(4, 1.0f);
    for (int32_t id : Draw(*tier.kernels, four, Positions(200), {.top_p = 0.5f}, 1)) CHECK(id < 2);
    // -0 equals 0.
    std::vector<float> zeros = {0.0f, -0.0f, 0.0f, -0.0f};
    for (int32_t id : Draw(*tier.kernels, zeros, Positions(200), {.top_k = 2}, 1)) CHECK(id < 2);
    for (int32_t id : Draw(*tier.kernels, zeros, Positions(200), {.top_p = 0.7f}, 1)) CHECK(id < 3);
  }
}

TEST(sample_of_a_whole_vocabulary_matches_double) {
  for (const Tier& tier : Tiers()) {
    Random random(77);
    auto logits = random.Normals(49152, 2.5f);
    for (const Filters& f : kFilters) CheckAgainstReference(tier, logits, f, 12);
    // Nearly uniform: nothing stands out, so the filters must look at every token.
    for (float& x : logits) x *= 0.01f;
    for (const Filters& f : kFilters) CheckAgainstReference(tier, logits, f, 12);
  }
}

TEST(sample_has_the_distribution_of_the_softmax) {
  for (const Tier& tier : Tiers()) {
    Random random(5);
    const auto logits = random.Normals(40, 1.5f);
    CHECK_CONTEXT("tier %s", tier.name);
    for (const Filters& f : kFilters) CheckDistribution(logits, f, 40000, DrawOf(tier));
  }
}

// Seeds, positions and tokens each change the noise: uniform logits give uniform draws over each.
TEST(sample_noise_differs_by_seed_and_position) {
  for (const Tier& tier : Tiers()) {
    CHECK_CONTEXT("tier %s", tier.name);
    const std::vector<float> flat(128, 0.0f);
    std::vector<int32_t> by_seed;
    for (uint64_t seed = 0; seed < 6400; seed++) {
      // The high word of the seed counts as well.
      const uint64_t whole = seed % 2 == 0 ? seed : seed << 32;
      by_seed.push_back(Draw(*tier.kernels, flat, {7}, {}, whole)[0]);
    }
    CheckUniform(by_seed, 128);
    CheckUniform(Draw(*tier.kernels, flat, Positions(6400), {}, 3), 128);
  }
}

TEST(sample_is_the_same_alone_and_in_a_batch) {
  for (const Tier& tier : Tiers()) {
    Random random(8);
    const int64_t n = 700;
    const int64_t ld = n + 9;
    const auto logits = random.Normals(static_cast<size_t>(128 * ld), 2.0f);
    std::vector<int32_t> positions;
    for (int i = 0; i < 131; i++) positions.push_back(static_cast<int32_t>(random.Below(5000)));
    for (const Filters& f : {Filters{}, Filters{0.8f, 40, 0.95f, 0.01f}}) {
      std::vector<int32_t> alone;
      for (int64_t i = 0; i < 128; i++) {
        const auto from = logits.begin() + i * ld;
        alone.push_back(Draw(*tier.kernels, std::vector<float>(from, from + n),
                             {positions[static_cast<size_t>(i + 3)]}, f, 6)[0]);
      }
      BatchView view;
      view.rows = 131;
      const std::vector<int32_t> sequence(131, 0);
      const Sampling sampling = SamplingOf(f, 6);
      view.sequence = sequence.data();
      view.position = positions.data();
      view.sampling = &sampling;
      for (int64_t m = 1; m <= 128; m++) {
        std::vector<int32_t> ids(static_cast<size_t>(m));
        // The logits are those of the batch's rows from number 3 on.
        const SampleArgs args = {&view, 3, m, n, logits.data(), ld, ids.data(), nullptr};
        tier.kernels->sample(args, 0, m / 2);
        tier.kernels->sample(args, m / 2, m);
        for (size_t i = 0; i < ids.size(); i++) CHECK_EQ(ids[i], alone[i]);
      }
    }
  }
}

TEST(sample_at_the_ends) {
  for (const Tier& tier : Tiers()) {
    for (const Filters& f : kFilters) {
      CHECK_CONTEXT("tier %s", tier.name);
      CHECK_FILTERS_CONTEXT(f);
      for (size_t at = 0; at < 90; at += 7) {
        Random random(at);
        auto logits = random.Normals(90);
        logits[at] = NAN;
        CHECK_EQ(Draw(*tier.kernels, logits, {1}, f, 1)[0], -1);
        logits[at] = INFINITY;
        CHECK_EQ(Draw(*tier.kernels, logits, {1}, f, 1)[0], at);
        // Masked tokens are never drawn.
        std::vector<float> one(90, -INFINITY);
        one[at] = -5.0f;
        CHECK_EQ(Draw(*tier.kernels, one, {1}, f, 1)[0], at);
      }
      CHECK_EQ(Draw(*tier.kernels, std::vector<float>(70, -INFINITY), {1}, f, 1)[0], 0);
    }
    // A temperature so small that only the largest is left, at any magnitude.
    for (float scale : {1e-3f, 1.0f, 1e30f}) {
      Random random(2);
      const auto logits = random.Normals(300, scale);
      const auto largest = std::max_element(logits.begin(), logits.end()) - logits.begin();
      CHECK_EQ(Draw(*tier.kernels, logits, {4}, {.temperature = 1e-30f}, 1)[0], largest);
      CHECK_EQ(Draw(*tier.kernels, logits, {4}, {.temperature = 1e-40f, .top_p = 0.9f}, 1)[0],
               largest);
    }
  }
}
