// The operations in their plainest form. As Real = double they are the specification; as float they
// give the error of a naive loop, which bounds what a kernel may err.
#pragma once

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <vector>

namespace jangle::test {

template <typename Real>
std::vector<Real> RmsnormReference(const float* x, const float* weight, int64_t n, float eps) {
  Real sum = 0;
  for (int64_t i = 0; i < n; i++) sum += static_cast<Real>(x[i]) * static_cast<Real>(x[i]);
  const Real scale = 1 / std::sqrt(sum / static_cast<Real>(n) + static_cast<Real>(eps));
  std::vector<Real> y(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; i++) {
    y[static_cast<size_t>(i)] = static_cast<Real>(x[i]) * scale * static_cast<Real>(weight[i]);
  }
  return y;
}

template <typename Real>
Real SwigluReference(float gate, float up) {
  const Real g = gate;
  return g / (1 + std::exp(-g)) * static_cast<Real>(up);
}

// One query head over `count` keys, key j at keys + j * dim.
template <typename Real>
std::vector<Real> AttentionReference(const float* q, const float* keys, const float* values,
                                     int64_t count, int64_t dim, float scale) {
  std::vector<Real> w(static_cast<size_t>(count));
  Real most = -INFINITY;
  for (int64_t j = 0; j < count; j++) {
    Real score = 0;
    for (int64_t d = 0; d < dim; d++) {
      score += static_cast<Real>(q[d]) * static_cast<Real>(keys[j * dim + d]);
    }
    w[static_cast<size_t>(j)] = score * static_cast<Real>(scale);
    most = std::max(most, w[static_cast<size_t>(j)]);
  }
  Real total = 0;
  for (Real& weight : w) total += weight = std::exp(weight - most);
  std::vector<Real> out(static_cast<size_t>(dim), 0);
  for (int64_t j = 0; j < count; j++) {
    for (int64_t d = 0; d < dim; d++) {
      out[static_cast<size_t>(d)] +=
          w[static_cast<size_t>(j)] * static_cast<Real>(values[j * dim + d]);
    }
  }
  for (Real& value : out) value /= total;
  return out;
}

// Philox4x32-10, one counter.
inline void PhiloxReference(uint32_t c[4], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t{0xD2511F53u} * c[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * c[2];
    const uint32_t next[4] = {
        static_cast<uint32_t>(b >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(b),
        static_cast<uint32_t>(a >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(a)};
    std::copy(next, next + 4, c);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

// The noise of a token at a position (gumbel.h).
inline double GumbelReference(uint64_t seed, uint32_t position, uint32_t token) {
  uint32_t c[4] = {token / 64 * 16 + token % 16, position, 0, 0};
  PhiloxReference(c, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
  const double v = (c[token / 16 % 4] + 0.5) * 0x1p-32;
  return -std::log(-std::log1p(-std::min(v, 1 - 0x1p-24)));
}

// Probabilities of the kept tokens after temperature, top-k, top-p and min-p; 0 for the others.
inline std::vector<double> FilteredSoftmax(const float* logits, int64_t n, float temperature,
                                           int32_t top_k, float top_p, float min_p) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; i++) order[static_cast<size_t>(i)] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
  if (top_k > 0 && top_k < n) order.resize(static_cast<size_t>(top_k));
  const double largest = logits[order[0]];
  std::vector<double> w(static_cast<size_t>(n), 0);
  double total = 0;
  for (int64_t i : order) {
    total += w[static_cast<size_t>(i)] =
        std::exp((logits[i] - largest) / static_cast<double>(temperature));
  }
  double sum = 0;
  bool full = false;
  for (int64_t i : order) {
    double& weight = w[static_cast<size_t>(i)];
    const double own = weight;
    if (full || weight < static_cast<double>(min_p)) weight = 0;
    sum += own;
    if (top_p < 1 && sum >= static_cast<double>(top_p) * total) full = true;
  }
  double kept = 0;
  for (double weight : w) kept += weight;
  for (double& weight : w) weight /= kept;
  return w;
}

// The largest |a - b|; infinite where either is NaN.
template <typename A, typename B>
double LargestDifference(const A* a, const B* b, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) {
    const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= most)) most = std::isnan(difference) ? INFINITY : difference;
  }
  return most;
}

template <typename Real>
double LargestMagnitude(const Real* a, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) most = std::max(most, std::fabs(static_cast<double>(a[i])));
  return most;
}

// What a kernel may err: twice the naive loop's error plus `ulps` of the largest result.
inline double ErrorBound(const std::vector<float>& naive, const std::vector<double>& exact,
                         double ulps = 4) {
  const auto n = static_cast<int64_t>(exact.size());
  return 2 * LargestDifference(naive.data(), exact.data(), n) +
         ulps * static_cast<double>(FLT_EPSILON) * LargestMagnitude(exact.data(), n);
}

// IEEE binary16 to float, exact.
inline float HalfToFloat(uint16_t half) {
  const uint32_t exponent = half >> 10 & 31;
  const uint32_t mantissa = half & 1023;
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), static_cast<int>(exponent) - 25);
}

// The nearest binary16, ties to even, by search over neighbours.
inline uint16_t FloatToHalf(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return static_cast<uint16_t>(sign | 0x7e00);
  const double magnitude = std::fabs(static_cast<double>(x));
  if (magnitude >= 65520.0) return static_cast<uint16_t>(sign | 0x7c00);
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -24));
  const double rounded = std::nearbyint(magnitude / unit) * unit;
  uint16_t low = 0;
  uint16_t high = 0x7bff;  // binary search: halves ascend with their bits
  while (low < high) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    if (static_cast<double>(HalfToFloat(middle)) < rounded) {
      low = static_cast<uint16_t>(middle + 1);
    } else {
      high = middle;
    }
  }
  return static_cast<uint16_t>(sign | low);
}

}  // namespace jangle::test
