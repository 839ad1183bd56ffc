// jg_gemm of the library under test, beside its definition.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "device.h"
#include "random.h"
#include "reference.h"

namespace jangle::test {

// The products that the library has: JG_F32 always; one that has not JG_BF16 must say so.
template <typename Fn>
void EachProducts(const Device& device, const Fn& fn) {
  fn(JG_F32);
  CHECK_CONTEXT("products of bf16");
  int64_t bytes = 0;
  const int32_t status = jg_gemm_scratch_bytes(device.context(), JG_BF16, 1, 1, 1, &bytes);
  if (status == JG_OK) {
    fn(JG_BF16);
  } else {
    CHECK_EQ(status, JG_UNSUPPORTED);
    CHECK(LastError().find("the CPU has no products of JG_BF16") != std::string::npos);
  }
}

struct Gemm {
  int64_t m, n, k;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  float alpha = 1.0f;
  int64_t pad = 0;  // elements between the rows of a, b and c

  int64_t RowsOfA() const { return transpose_a ? k : m; }
  int64_t RowsOfB() const { return transpose_b ? n : k; }
  int64_t Lda() const { return (transpose_a ? m : k) + pad; }
  int64_t Ldb() const { return (transpose_b ? k : n) + pad; }
  int64_t Ldc() const { return n + pad; }
};

// All eight forms, by number.
inline Gemm WithForm(Gemm g, int form) {
  g.transpose_a = form & 1;
  g.transpose_b = form & 2;
  g.accumulate = form & 4;
  return g;
}

inline const char* Describe(const Gemm& g) {
  static char text[120];
  std::snprintf(text, sizeof text, "m %d n %d k %d%s%s%s", static_cast<int>(g.m),
                static_cast<int>(g.n), static_cast<int>(g.k), g.transpose_a ? " a^T" : "",
                g.transpose_b ? " b^T" : "", g.accumulate ? " +=" : "");
  return text;
}

// Of c: what it holds before.
struct GemmInputs {
  std::vector<float> a, b, c;
};

inline GemmInputs NormalInputs(const Gemm& g, uint64_t seed) {
  Random random(seed);
  return {random.Normals(static_cast<size_t>(g.RowsOfA() * g.Lda())),
          random.Normals(static_cast<size_t>(g.RowsOfB() * g.Ldb())),
          random.Normals(static_cast<size_t>(g.m * g.Ldc()))};
}

// Operands rounded to bf16, to nearest even.
inline GemmInputs Rounded(GemmInputs in) {
  for (auto* operand : {&in.a, &in.b}) {
    for (float& value : *operand) {
      const auto bits = std::bit_cast<uint32_t>(value);
      value = std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
    }
  }
  return in;
}

inline int64_t GemmScratch(const Device& device, int32_t products, const Gemm& g) {
  int64_t bytes = 0;
  CHECK_OK(jg_gemm_scratch_bytes(device.context(), products, g.m, g.n, g.k, &bytes));
  return bytes;
}

// c with what lies between its rows. It is NaN before where the product does not accumulate; the
// scratch always is.
inline std::vector<float> RunGemm(const Device& device, int32_t products, const Gemm& g,
                                  const GemmInputs& in) {
  const DeviceArray<float> a(device, in.a);
  const DeviceArray<float> b(device, in.b);
  const DeviceArray<float> c(device,
                             g.accumulate ? in.c : std::vector<float>(in.c.size(), std::nanf("")));
  DeviceArray<uint8_t> scratch(device, GemmScratch(device, products, g));
  scratch.Upload(std::vector<uint8_t>(static_cast<size_t>(scratch.size()), 0xff));
  scratch.Forget();
  if (!g.accumulate) c.Forget();
  CHECK_OK(jg_gemm(device.stream(), products, g.m, g.n, g.k, g.alpha, g.transpose_a, a.data(),
                   g.Lda(), g.transpose_b, b.data(), g.Ldb(), g.accumulate, c.data(), g.Ldc(),
                   scratch.data(), scratch.size()));
  device.Synchronize();
  return c.Download();
}

// One output, k ascending.
template <typename Real>
Real OutputReference(const Gemm& g, const GemmInputs& in, int64_t i, int64_t j) {
  Real sum = 0;
  for (int64_t p = 0; p < g.k; p++) {
    const int64_t at_a = g.transpose_a ? p * g.Lda() + i : i * g.Lda() + p;
    const int64_t at_b = g.transpose_b ? j * g.Ldb() + p : p * g.Ldb() + j;
    sum += static_cast<Real>(in.a[static_cast<size_t>(at_a)]) *
           static_cast<Real>(in.b[static_cast<size_t>(at_b)]);
  }
  sum *= static_cast<Real>(g.alpha);
  if (g.accumulate) sum += static_cast<Real>(in.c[static_cast<size_t>(i * g.Ldc() + j)]);
  return sum;
}

template <typename Real>
std::vector<Real> GemmReference(const Gemm& g, const GemmInputs& in) {
  std::vector<Real> out;
  for (int64_t i = 0; i < g.m; i++) {
    for (int64_t j = 0; j < g.n; j++) out.push_back(OutputReference<Real>(g, in, i, j));
  }
  return out;
}

// Integers up to `most` in every place; what lies between the rows of c stays as it was. Where
// there is much to multiply some outputs are left out, others in every row and column.
inline void CheckIntegers(const Device& device, int32_t products, const Gemm& g, int64_t most) {
  CHECK_CONTEXT("%s", Describe(g));
  Random random(static_cast<uint64_t>(g.m * 1000 + g.n));
  const GemmInputs in = {random.Integers(static_cast<size_t>(g.RowsOfA() * g.Lda()), most),
                         random.Integers(static_cast<size_t>(g.RowsOfB() * g.Ldb()), most),
                         random.Integers(static_cast<size_t>(g.m * g.Ldc()), 99)};
  const auto got = RunGemm(device, products, g, in);
  const int64_t stride = 1 + g.m * g.n * g.k / 4000000;
  for (int64_t i = 0; i < g.m; i++) {
    for (int64_t j = 0; j < g.Ldc(); j++) {
      const auto at = static_cast<size_t>(i * g.Ldc() + j);
      if (j >= g.n) {
        CHECK(g.accumulate ? got[at] == in.c[at] : std::isnan(got[at]));
      } else if ((i + j) % stride == 0) {
        CHECK_EQ(static_cast<double>(got[at]), OutputReference<double>(g, in, i, j));
      }
    }
  }
}

// The last `rows` rows and `columns` columns of a product without padding.
inline GemmInputs LastPart(const Gemm& g, const GemmInputs& in, const Gemm& part) {
  GemmInputs cut;
  const auto copy = [](std::vector<float>& to, const std::vector<float>& from, int64_t row,
                       int64_t rows, int64_t ld, int64_t column, int64_t columns) {
    for (int64_t i = row; i < row + rows; i++) {
      const auto begin = from.begin() + i * ld + column;
      to.insert(to.end(), begin, begin + columns);
    }
  };
  const int64_t row = g.m - part.m;
  const int64_t column = g.n - part.n;
  copy(cut.a, in.a, g.transpose_a ? 0 : row, part.RowsOfA(), g.Lda(), g.transpose_a ? row : 0,
       part.Lda());
  copy(cut.b, in.b, g.transpose_b ? column : 0, part.RowsOfB(), g.Ldb(), g.transpose_b ? 0 : column,
       part.Ldb());
  copy(cut.c, in.c, row, part.m, g.Ldc(), column, part.n);
  return cut;
}

// The last rows and columns, so many of them, equal those of the whole bit for bit.
inline void CheckPartsAlone(const Device& device, int32_t products, const Gemm& g,
                            const std::vector<std::pair<int64_t, int64_t>>& parts) {
  const GemmInputs in = NormalInputs(g, 3);
  const auto whole = RunGemm(device, products, g, in);
  for (const auto& [rows, columns] : parts) {
    CHECK_CONTEXT("%s, part %d x %d", Describe(g), static_cast<int>(rows),
                  static_cast<int>(columns));
    Gemm part = g;
    part.m = rows;
    part.n = columns;
    const auto got = RunGemm(device, products, part, LastPart(g, in, part));
    for (int64_t i = 0; i < rows; i++) {
      const auto* want = whole.data() + (g.m - rows + i) * g.n + g.n - columns;
      const auto bytes = static_cast<size_t>(columns) * sizeof(float);
      CHECK(std::memcmp(got.data() + i * columns, want, bytes) == 0);
    }
  }
}

}  // namespace jangle::test
