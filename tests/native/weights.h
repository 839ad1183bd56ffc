// Weights in the layouts of files, with what each element stands for.
#pragma once

#include <cstring>
#include <vector>

#include "jangle.h"
#include "random.h"
#include "reference.h"

namespace jangle::test {

inline constexpr const char* kFormatNames[] = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"};

struct FileWeights {
  int32_t dtype;
  int64_t n, k;
  std::vector<uint8_t> bytes;  // [n][k] as on file
  std::vector<float> values;   // [n][k]

  int64_t RowBytes() const { return static_cast<int64_t>(bytes.size()) / n; }
};

// With `integers`, every value is a small integer (scales are powers of two); else they are random.
inline FileWeights MakeWeights(Random& random, int32_t dtype, int64_t n, int64_t k, bool integers) {
  FileWeights w = {dtype, n, k, {}, {}};
  const auto put = [&w](const void* from, size_t size) {
    const auto* p = static_cast<const uint8_t*>(from);
    w.bytes.insert(w.bytes.end(), p, p + size);
  };
  const auto put_half = [&](float value) {
    const uint16_t half = FloatToHalf(value);
    put(&half, 2);
    return HalfToFloat(half);
  };
  if (dtype <= JG_BF16) {
    for (int64_t i = 0; i < n * k; i++) {
      float value = integers ? static_cast<float>(random.Below(31) - 15) : random.Normal();
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      if (dtype == JG_F32) {
        put(&value, 4);
      } else if (dtype == JG_F16) {
        value = put_half(value);
      } else {
        const auto high = static_cast<uint16_t>(bits >> 16);
        put(&high, 2);
        bits &= 0xffff0000u;
        std::memcpy(&value, &bits, 4);
      }
      w.values.push_back(value);
    }
    return w;
  }
  for (int64_t block = 0; block < n * k / 32; block++) {
    const float d = put_half(integers ? static_cast<float>(1 << random.Below(3))
                                      : 0.01f * (1.0f + std::abs(random.Normal())));
    const float m = dtype == JG_Q4_1 ? put_half(integers ? static_cast<float>(random.Below(9) - 4)
                                                         : 0.1f * random.Normal())
                                     : 0.0f;
    if (dtype == JG_Q8_0) {
      for (int i = 0; i < 32; i++) {
        // -128 appears in no file that ggml writes, but a file may hold it.
        const auto q = static_cast<int8_t>(random.Below(256) - 128);
        put(&q, 1);
        w.values.push_back(d * static_cast<float>(q));
      }
      continue;
    }
    float low[16];
    float high[16];
    for (int i = 0; i < 16; i++) {
      const auto byte = static_cast<uint8_t>(random.Next());
      put(&byte, 1);
      const int zero = dtype == JG_Q4_0 ? 8 : 0;
      low[i] = d * static_cast<float>((byte & 15) - zero) + m;
      high[i] = d * static_cast<float>((byte >> 4) - zero) + m;
    }
    w.values.insert(w.values.end(), low, low + 16);
    w.values.insert(w.values.end(), high, high + 16);
  }
  return w;
}

}  // namespace jangle::test
