#include <algorithm>

#include "check.h"
#include "guard.h"
#include "jangle.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Case {
  int64_t m, n, k;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  float alpha = 1.0f;
  int64_t pad = 0;  // elements between the rows of a, b and c
};

int64_t RowsOfA(const Case& c) { return c.transpose_a ? c.k : c.m; }
int64_t ColumnsOfA(const Case& c) { return c.transpose_a ? c.m : c.k; }
int64_t RowsOfB(const Case& c) { return c.transpose_b ? c.n : c.k; }
int64_t ColumnsOfB(const Case& c) { return c.transpose_b ? c.k : c.n; }
// Elements of a matrix whose last row has no padding.
size_t Size(int64_t rows, int64_t columns, int64_t pad) {
  return static_cast<size_t>(rows * (columns + pad) - pad);
}

struct Inputs {
  std::vector<float> a, b, c;
};

Inputs Normal(const Case& c, uint64_t seed) {
  Random random(seed);
  return {random.Normals(Size(RowsOfA(c), ColumnsOfA(c), c.pad)),
          random.Normals(Size(RowsOfB(c), ColumnsOfB(c), c.pad)),
          random.Normals(Size(c.m, c.n, c.pad))};
}

// The product with items cut into ranges of `cut` that `workers` take in turn, last range first.
std::vector<float> Run(const Kernels& kernels, const Case& c, const Inputs& in, int64_t cut = 1000,
                       int64_t workers = 1) {
  GuardedBuffer<float> a(in.a);
  GuardedBuffer<float> b(in.b);
  GuardedBuffer<float> out(in.c.size());
  if (c.accumulate) std::copy(in.c.begin(), in.c.end(), out.begin());
  const auto bytes = static_cast<size_t>(kernels.gemm_scratch_bytes(c.m, c.n, c.k, workers));
  GuardedBuffer<char> scratch((bytes + 63) / 64 * 64);
  const GemmArgs args = {JG_F32,
                         c.m,
                         c.n,
                         c.k,
                         c.alpha,
                         c.transpose_a,
                         a.data(),
                         ColumnsOfA(c) + c.pad,
                         c.transpose_b,
                         b.data(),
                         ColumnsOfB(c) + c.pad,
                         c.accumulate,
                         out.data(),
                         c.n + c.pad,
                         scratch.data()};
  for (int64_t stage = 0; stage < kernels.gemm_stages(args); stage++) {
    const int64_t shared = kernels.gemm_shared_items(args);
    for (int64_t i = 0; i < shared; i += cut) {
      kernels.gemm_pack(args, stage, i, std::min(shared, i + cut));
    }
    const int64_t items = kernels.gemm_items(args);
    for (int64_t i = (items - 1) / cut * cut; i >= 0; i -= cut) {
      kernels.gemm(args, stage, i, std::min(items, i + cut), i / cut % workers);
    }
  }
  CHECK(out.SlackIntact());
  CHECK(scratch.SlackIntact());
  return {out.begin(), out.end()};
}

template <typename Real>
std::vector<Real> Reference(const Case& c, const Inputs& in) {
  std::vector<Real> out(in.c.size());
  const int64_t lda = ColumnsOfA(c) + c.pad;
  const int64_t ldb = ColumnsOfB(c) + c.pad;
  for (int64_t i = 0; i < c.m; i++) {
    for (int64_t j = 0; j < c.n; j++) {
      Real sum = 0;
      for (int64_t p = 0; p < c.k; p++) {
        const int64_t at_a = c.transpose_a ? p * lda + i : i * lda + p;
        const int64_t at_b = c.transpose_b ? j * ldb + p : p * ldb + j;
        sum += static_cast<Real>(in.a[static_cast<size_t>(at_a)]) *
               static_cast<Real>(in.b[static_cast<size_t>(at_b)]);
      }
      const auto at = static_cast<size_t>(i * (c.n + c.pad) + j);
      out[at] = static_cast<Real>(c.alpha) * sum;
      if (c.accumulate) out[at] += static_cast<Real>(in.c[at]);
    }
  }
  return out;
}

Case WithForm(Case c, int form) {
  c.transpose_a = form & 1;
  c.transpose_b = form & 2;
  c.accumulate = form & 4;
  return c;
}

const char* Describe(const Case& c) {
  static char text[120];
  std::snprintf(text, sizeof text, "m %d n %d k %d%s%s%s", static_cast<int>(c.m),
                static_cast<int>(c.n), static_cast<int>(c.k), c.transpose_a ? " a^T" : "",
                c.transpose_b ? " b^T" : "", c.accumulate ? " +=" : "");
  return text;
}

}  // namespace

// Sums of small integers are exact in any order, so every index is checked, and what lies between
// the rows keeps its poison.
TEST(gemm_is_exact_on_integers) {
  Random random(1);
  for (const Tier& tier : Tiers()) {
    for (int round = 0; round < 60; round++) {
      Case c = {1 + random.Below(70), 1 + random.Below(140), 1 + random.Below(90)};
      if (round % 10 == 0) c.k += 700;
      if (round % 10 == 1) c.m += 300;
      if (round % 10 == 2) c.n += 400;
      c.pad = round % 4 * 3;
      c.alpha = round % 3 == 0 ? 1.0f : -2.0f;
      for (int form = 0; form < 8; form++) {
        const Case f = WithForm(c, form);
        CHECK_CONTEXT("tier %s, %s", tier.name, Describe(f));
        const Inputs in = {random.Integers(Size(RowsOfA(f), ColumnsOfA(f), f.pad), 9),
                           random.Integers(Size(RowsOfB(f), ColumnsOfB(f), f.pad), 9),
                           random.Integers(Size(f.m, f.n, f.pad), 99)};
        const auto got = Run(*tier.kernels, f, in);
        const auto want = Reference<double>(f, in);
        for (int64_t i = 0; i < f.m; i++) {
          for (int64_t j = 0; j < f.n + f.pad && i * (f.n + f.pad) + j < std::ssize(got); j++) {
            const auto at = static_cast<size_t>(i * (f.n + f.pad) + j);
            if (j < f.n) {
              CHECK_EQ(static_cast<double>(got[at]), want[at]);
            } else if (f.accumulate) {
              CHECK_EQ(got[at], in.c[at]);
            } else {
              CHECK(std::isnan(got[at]));
            }
          }
        }
      }
    }
  }
}

TEST(gemm_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (const Case& shape : {Case{37, 50, 576}, Case{64, 100, 1536}, Case{130, 33, 2000}}) {
      for (int form = 0; form < 8; form++) {
        Case c = WithForm(shape, form);
        c.alpha = form % 3 == 0 ? 1.0f : 0.37f;
        CHECK_CONTEXT("tier %s, %s", tier.name, Describe(c));
        const Inputs in = Normal(c, static_cast<uint64_t>(form));
        const auto got = Run(*tier.kernels, c, in);
        const auto exact = Reference<double>(c, in);
        const double error = LargestDifference(got.data(), exact.data(), std::ssize(exact));
        CHECK_NEAR(error, 0, ErrorBound(Reference<float>(c, in), exact));
      }
    }
  }
}

// Neither the cuts, nor the number of workers, nor what they left in their scratch changes a bit.
TEST(gemm_has_the_same_bits_however_it_is_cut) {
  for (const Tier& tier : Tiers()) {
    for (const Case& shape : {Case{50, 300, 700}, Case{300, 50, 700}, Case{97, 97, 97}}) {
      for (int form = 0; form < 8; form++) {
        const Case c = WithForm(shape, form);
        CHECK_CONTEXT("tier %s, %s", tier.name, Describe(c));
        const Inputs in = Normal(c, 2);
        const auto want = Run(*tier.kernels, c, in);
        for (int64_t cut : {1, 2, 3, 7, 16}) {
          const auto got = Run(*tier.kernels, c, in, cut, 1 + cut % 4);
          for (size_t i = 0; i < got.size(); i++) CHECK_BITS(got[i], want[i]);
        }
      }
    }
  }
}

// A part of the rows and columns alone has the bits that it has in the whole: also where the other
// operand is then the shared one, or rows are no longer packed.
TEST(gemm_part_alone_has_the_same_bits) {
  for (const Tier& tier : Tiers()) {
    for (int form = 0; form < 8; form++) {
      const Case c = WithForm({90, 170, 650}, form);
      const Inputs in = Normal(c, 3);
      const auto whole = Run(*tier.kernels, c, in);
      const int64_t lda = ColumnsOfA(c);
      const int64_t ldb = ColumnsOfB(c);
      for (const Case& part : {Case{1, 1, 650}, Case{90, 3, 650}, Case{2, 170, 650},
                               Case{13, 70, 650}, Case{70, 13, 650}}) {
        CHECK_CONTEXT("tier %s, %s, part %d x %d", tier.name, Describe(c), static_cast<int>(part.m),
                      static_cast<int>(part.n));
        const int64_t row = c.m - part.m;
        const int64_t column = c.n - part.n;
        const Case p = WithForm(part, form);
        Inputs cut;
        for (int64_t i = 0; i < RowsOfA(p); i++) {
          const int64_t from = c.transpose_a ? i * lda + row : (row + i) * lda;
          cut.a.insert(cut.a.end(), in.a.begin() + from, in.a.begin() + from + ColumnsOfA(p));
        }
        for (int64_t i = 0; i < RowsOfB(p); i++) {
          const int64_t from = c.transpose_b ? (column + i) * ldb : i * ldb + column;
          cut.b.insert(cut.b.end(), in.b.begin() + from, in.b.begin() + from + ColumnsOfB(p));
        }
        for (int64_t i = 0; i < p.m; i++) {
          const auto from = in.c.begin() + (row + i) * c.n + column;
          cut.c.insert(cut.c.end(), from, from + p.n);
        }
        const auto got = Run(*tier.kernels, p, cut);
        for (int64_t i = 0; i < p.m; i++) {
          for (int64_t j = 0; j < p.n; j++) {
            CHECK_BITS(got[static_cast<size_t>(i * p.n + j)],
                       whole[static_cast<size_t>((row + i) * c.n + column + j)]);
          }
        }
      }
    }
  }
}

// More than one stage: k so long that the shared operand is packed in parts.
TEST(gemm_goes_through_stages) {
  for (const Tier& tier : Tiers()) {
    const Case c = {40, 41, 60000};
    Random random(4);
    const Inputs in = {random.Integers(Size(c.m, c.k, 0), 2), random.Integers(Size(c.k, c.n, 0), 2),
                       random.Integers(Size(c.m, c.n, 0), 2)};
    GemmArgs args = {};
    args.m = c.m, args.n = c.n, args.k = c.k;
    CHECK(tier.kernels->gemm_stages(args) > 1);
    const auto got = Run(*tier.kernels, c, in, 2, 3);
    const auto want = Reference<double>(c, in);
    for (size_t i = 0; i < got.size(); i++) CHECK_EQ(static_cast<double>(got[i]), want[i]);
  }
}

TEST(gemm_keeps_a_nan_in_its_row_and_column) {
  for (const Tier& tier : Tiers()) {
    for (int form = 0; form < 4; form++) {
      const Case c = WithForm({29, 45, 31}, form);
      Inputs in = Normal(c, 5);
      in.a[static_cast<size_t>(c.transpose_a ? 3 * c.m + 7 : 7 * c.k + 3)] = NAN;
      in.b[static_cast<size_t>(c.transpose_b ? 11 * c.k + 3 : 3 * c.n + 11)] = INFINITY;
      const auto got = Run(*tier.kernels, c, in);
      for (int64_t i = 0; i < c.m; i++) {
        for (int64_t j = 0; j < c.n; j++) {
          const float value = got[static_cast<size_t>(i * c.n + j)];
          CHECK_EQ(std::isnan(value), i == 7);
          CHECK_EQ(std::isinf(value), i != 7 && j == 11);
        }
      }
    }
  }
}
