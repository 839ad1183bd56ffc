// Reproducible test data.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace jangle::test {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // In [0, n).
  int64_t Below(int64_t n) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  float Normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
    return static_cast<float>(radius * std::cos(6.283185307179586 * Uniform()));
  }
  std::vector<float> Normals(size_t n, float scale = 1.0f) {
    std::vector<float> values(n);
    for (float& value : values) value = scale * Normal();
    return values;
  }
  // Integers in [-most, most].
  std::vector<float> Integers(size_t n, int64_t most) {
    std::vector<float> values(n);
    for (float& value : values) value = static_cast<float>(Below(2 * most + 1) - most);
    return values;
  }

 private:
  uint64_t state_;
};

}  // namespace jangle::test
