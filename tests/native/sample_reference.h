// What a sampler must draw, whichever library it is of: the draw in double, and the statistics of
// many. A Draw is called as draw(logits, positions, filters, seed) and gives one id per position,
// all from the same logits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.h"
#include "reference.h"

namespace jangle::test {

struct Filters {
  float temperature = 1;
  int32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
};

#define CHECK_FILTERS_CONTEXT(filters)                                       \
  CHECK_CONTEXT("temperature %g, top_k %d, top_p %g, min_p %g",              \
                static_cast<double>((filters).temperature), (filters).top_k, \
                static_cast<double>((filters).top_p), static_cast<double>((filters).min_p))

inline std::vector<int32_t> Positions(int32_t count) {
  std::vector<int32_t> positions;
  for (int32_t i = 0; i < count; i++) positions.push_back(i);
  return positions;
}

inline std::vector<double> FilteredSoftmax(const std::vector<float>& logits, const Filters& f) {
  return FilteredSoftmax(logits.data(), static_cast<int64_t>(logits.size()), f.temperature, f.top_k,
                         f.top_p, f.min_p);
}

// `close` where the runner-up is too near to tell.
inline int32_t ReferenceDraw(const std::vector<float>& logits, const std::vector<double>& kept,
                             float temperature, uint64_t seed, int32_t position, bool* close) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double best = -INFINITY;
  double second = -INFINITY;
  int32_t id = -1;
  for (size_t i = 0; i < logits.size(); i++) {
    if (kept[i] == 0) continue;
    const double key =
        (logits[i] - largest) / static_cast<double>(temperature) +
        GumbelReference(seed, static_cast<uint32_t>(position) + 1, static_cast<uint32_t>(i));
    if (key > best) {
      second = best;
      best = key;
      id = static_cast<int32_t>(i);
    } else {
      second = std::max(second, key);
    }
  }
  *close = best - second < 1e-4;
  return id;
}

// Draws at the first `draws` positions equal those of the reference.
template <typename Draw>
void CheckDraws(const std::vector<float>& logits, const Filters& f, int32_t draws,
                const Draw& draw) {
  CHECK_CONTEXT("n %zu", logits.size());
  CHECK_FILTERS_CONTEXT(f);
  const auto kept = FilteredSoftmax(logits, f);
  const uint64_t seed = 0x123456789abcdef0u + logits.size();
  const std::vector<int32_t> ids = draw(logits, Positions(draws), f, seed);
  int32_t told = 0;
  for (int32_t i = 0; i < draws; i++) {
    CHECK_CONTEXT("position %d", i);
    bool close = false;
    const int32_t want = ReferenceDraw(logits, kept, f.temperature, seed, i, &close);
    if (close) continue;
    CHECK_EQ(ids[static_cast<size_t>(i)], want);
    told++;
  }
  CHECK(told >= draws * 9 / 10);
}

// Mean `cells` - 1, deviation sqrt(2 (cells - 1)); the seeds are fixed, so this never flickers.
inline void CheckChiSquare(double chi_square, int cells) {
  CHECK_NEAR(chi_square, 0, cells + 3.5 * std::sqrt(2.0 * cells));
}

// Ids that are to be uniform over the cells.
inline void CheckUniform(const std::vector<int32_t>& ids, int cells) {
  std::vector<int32_t> counts(static_cast<size_t>(cells));
  for (int32_t id : ids) counts[static_cast<size_t>(id)]++;
  const double expected = static_cast<double>(ids.size()) / cells;
  double chi_square = 0;
  for (int32_t count : counts) chi_square += (count - expected) * (count - expected) / expected;
  CheckChiSquare(chi_square, cells);
}

// Many draws have the distribution of the filtered softmax.
template <typename Draw>
void CheckDistribution(const std::vector<float>& logits, const Filters& f, int32_t draws,
                       const Draw& draw) {
  CHECK_FILTERS_CONTEXT(f);
  const auto p = FilteredSoftmax(logits, f);
  std::vector<int32_t> counts(logits.size());
  for (int32_t id : draw(logits, Positions(draws), f, 99)) counts[static_cast<size_t>(id)]++;
  // Tokens too rare for the statistic share one cell.
  double chi_square = 0;
  double rare_expected = 0;
  double rare_count = 0;
  int cells = 0;
  for (size_t i = 0; i < p.size(); i++) {
    const double expected = p[i] * draws;
    if (p[i] == 0) CHECK_EQ(counts[i], 0);
    if (expected < 8) {
      rare_expected += expected;
      rare_count += counts[i];
      continue;
    }
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    cells++;
  }
  if (rare_expected > 0) {
    chi_square +=
        (rare_count - rare_expected) * (rare_count - rare_expected) / std::max(rare_expected, 1.0);
    cells++;
  }
  CheckChiSquare(chi_square, cells);
}

}  // namespace jangle::test
