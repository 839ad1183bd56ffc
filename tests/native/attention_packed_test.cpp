#include <algorithm>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"
#include "training_reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Inputs {
  std::vector<float> q, k, v, dout;
};

Inputs Normal(const PackedShape& s, uint64_t seed) {
  Random random(seed);
  const auto queries = static_cast<size_t>(s.QuerySize());
  const auto keys = static_cast<size_t>(s.KeySize());
  return {random.Normals(queries), random.Normals(keys), random.Normals(keys),
          random.Normals(queries)};
}

// Dense rows with `pad` elements between them (NaN), the last row without.
std::vector<float> Padded(const std::vector<float>& dense, int64_t rows, int64_t pad) {
  const int64_t n = std::ssize(dense) / rows;
  std::vector<float> padded(static_cast<size_t>(rows * (n + pad) - pad), NAN);
  for (int64_t i = 0; i < rows; i++) {
    std::copy_n(dense.begin() + i * n, n, padded.begin() + i * (n + pad));
  }
  return padded;
}

std::vector<float> Unpadded(GuardedBuffer<float>& padded, int64_t rows, int64_t n, int64_t pad) {
  std::vector<float> dense;
  for (int64_t i = 0; i < rows; i++) {
    float* row = padded.begin() + i * (n + pad);
    dense.insert(dense.end(), row, row + n);
    for (int64_t j = n; i + 1 < rows && j < n + pad; j++) CHECK(std::isnan(row[j]));
  }
  CHECK(padded.SlackIntact());
  return dense;
}

template <typename Args, typename Function>
void RunItems(Function function, const Args& args, int64_t items, int64_t cut, int64_t workers) {
  for (int64_t i = (items - 1) / cut * cut; i >= 0; i -= cut) {
    if constexpr (std::is_invocable_v<Function, const Args&, int64_t, int64_t, int64_t>) {
      function(args, i, std::min(items, i + cut), i / cut % workers);
    } else {
      function(args, i, std::min(items, i + cut));
    }
  }
}

// Forward and backward with items in ranges of `cut`, the last first, for `workers` in turn.
PackedResult<float> Run(const Kernels& kernels, const PackedShape& s, float scale, const Inputs& in,
                        int64_t pad = 0, int64_t cut = 1000, int64_t workers = 1) {
  const int64_t nq = s.heads * s.head_dim;
  const int64_t nk = s.kv_heads * s.head_dim;
  GuardedBuffer<float> q(Padded(in.q, s.rows, pad)), dout(Padded(in.dout, s.rows, pad));
  GuardedBuffer<float> k(Padded(in.k, s.rows, pad)), v(Padded(in.v, s.rows, pad));
  GuardedBuffer<int32_t> start(s.start), gap_rows(s.gaps);
  const int32_t* gaps = s.gaps.empty() ? nullptr : gap_rows.data();
  GuardedBuffer<float> out(q.size()), dq(q.size()), dk(k.size()), dv(k.size());
  GuardedBuffer<float> lse(static_cast<size_t>(s.rows * s.heads));
  {
    const int64_t bytes =
        kernels.attention_forward_scratch_bytes(s.rows, s.kv_heads, s.head_dim, workers);
    GuardedBuffer<char> scratch(static_cast<size_t>((bytes + 63) / 64 * 64));
    const AttentionForwardArgs args = {s.rows,     start.data(), gaps,       s.heads,
                                       s.kv_heads, s.head_dim,   scale,      q.data(),
                                       nq + pad,   k.data(),     v.data(),   nk + pad,
                                       out.data(), nq + pad,     lse.data(), scratch.data()};
    RunItems(kernels.attention_forward_pack, args, kernels.attention_pack_items(s.rows), cut,
             workers);
    RunItems(kernels.attention_forward, args, kernels.attention_blocks(s.rows) * s.heads, cut,
             workers);
    CHECK(scratch.SlackIntact());
  }
  const int64_t bytes =
      kernels.attention_backward_scratch_bytes(s.rows, s.heads, s.kv_heads, s.head_dim, workers);
  GuardedBuffer<char> scratch(static_cast<size_t>((bytes + 63) / 64 * 64));
  const AttentionBackwardArgs args = {
      s.rows,   start.data(), gaps,      s.heads,   s.kv_heads, s.head_dim,    scale,
      q.data(), nq + pad,     k.data(),  v.data(),  nk + pad,   out.data(),    dout.data(),
      nq + pad, lse.data(),   dq.data(), dk.data(), dv.data(),  scratch.data()};
  RunItems(kernels.attention_backward_pack, args, kernels.attention_pack_items(s.rows), cut,
           workers);
  const int64_t blocks = kernels.attention_blocks(s.rows);
  RunItems(kernels.attention_backward_queries, args, blocks * s.heads, cut, workers);
  RunItems(kernels.attention_backward_keys, args, blocks * s.kv_heads, cut, workers);
  CHECK(scratch.SlackIntact());
  return {Unpadded(out, s.rows, nq, pad), std::vector<float>(lse.begin(), lse.end()),
          Unpadded(dq, s.rows, nq, pad), Unpadded(dk, s.rows, nk, pad),
          Unpadded(dv, s.rows, nk, pad)};
}

template <typename Real>
PackedResult<Real> Reference(const PackedShape& s, float scale, const Inputs& in) {
  return PackedAttentionReference<Real>(s, scale, As<Real>(in.q), As<Real>(in.k), As<Real>(in.v),
                                        As<Real>(in.dout));
}

void CheckNear(const char* what, const std::vector<float>& got, const std::vector<float>& naive,
               const std::vector<double>& exact, double ulps) {
  CHECK_CONTEXT("%s", what);
  CHECK_NEAR(LargestDifference(got.data(), exact.data(), std::ssize(exact)), 0,
             ErrorBound(naive, exact, ulps));
}

void CheckSame(const PackedResult<float>& got, const PackedResult<float>& want) {
  const auto check = [](const char* what, const std::vector<float>& a,
                        const std::vector<float>& b) {
    CHECK_CONTEXT("%s", what);
    CHECK_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); i++) CHECK_BITS(a[i], b[i]);
  };
  check("out", got.out, want.out);
  check("lse", got.lse, want.lse);
  check("dq", got.dq, want.dq);
  check("dk", got.dk, want.dk);
  check("dv", got.dv, want.dv);
}

}  // namespace

TEST(attention_packed_reference_gradient_is_that_of_finite_differences) {
  Random random(1);
  const PackedShape s = WithGaps(Packed(7, 4, 2, 3, {0, 2, 3}), random);
  const Inputs in = Normal(s, 1);
  const auto q = As<double>(in.q), k = As<double>(in.k), v = As<double>(in.v);
  const auto dout = As<double>(in.dout);
  const auto loss = [&](const auto& x, const auto& y, const auto& z) {
    return Dot(PackedAttentionReference<double>(s, 0.6, x, y, z, {}).out, dout);
  };
  const auto g = PackedAttentionReference<double>(s, 0.6, q, k, v, dout);
  const auto dq = FiniteDifferences(q, [&](const auto& x) { return loss(x, k, v); });
  const auto dk = FiniteDifferences(k, [&](const auto& x) { return loss(q, x, v); });
  const auto dv = FiniteDifferences(v, [&](const auto& x) { return loss(q, k, x); });
  for (size_t i = 0; i < dq.size(); i++) CHECK_NEAR(g.dq[i], dq[i], 1e-8);
  for (size_t i = 0; i < dk.size(); i++) CHECK_NEAR(g.dk[i], dk[i], 1e-8);
  for (size_t i = 0; i < dv.size(); i++) CHECK_NEAR(g.dv[i], dv[i], 1e-8);
}

TEST(attention_packed_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (const PackedShape& s :
         {Packed(1, 1, 1, 8, {}), Packed(5, 2, 1, 4, {1, 2}), Packed(64, 3, 1, 64, {}),
          Packed(130, 4, 2, 16, {3, 50, 51, 120}), Packed(77, 2, 2, 20, {24, 48}),
          Packed(200, 9, 3, 64, {100}), Packed(50, 2, 1, 130, {7})}) {
      CHECK_CONTEXT("tier %s, %d rows, heads of %d", tier.name, static_cast<int>(s.rows),
                    static_cast<int>(s.head_dim));
      const Inputs in = Normal(s, static_cast<uint64_t>(s.rows));
      const float scale = 1 / std::sqrt(static_cast<float>(s.head_dim));
      const auto got = Run(*tier.kernels, s, scale, in, s.rows % 3);
      const auto exact = Reference<double>(s, scale, in);
      const auto naive = Reference<float>(s, scale, in);
      CheckNear("out", got.out, naive.out, exact.out, 4);
      CheckNear("lse", got.lse, naive.lse, exact.lse, 4);
      // Weights come again from a rounded lse: a relative error of some units of its last place.
      CheckNear("dq", got.dq, naive.dq, exact.dq, 16);
      CheckNear("dk", got.dk, naive.dk, exact.dk, 16);
      CheckNear("dv", got.dv, naive.dv, exact.dv, 16);
    }
  }
}

TEST(attention_packed_matches_double_with_gaps) {
  for (const Tier& tier : Tiers()) {
    Random random(8);
    for (const PackedShape& packed :
         {Packed(2, 1, 1, 8, {}), Packed(130, 4, 2, 16, {3, 50, 51, 120}),
          Packed(77, 2, 2, 20, {24, 48}), Packed(200, 3, 3, 64, {100})}) {
      CHECK_CONTEXT("tier %s, %d rows", tier.name, static_cast<int>(packed.rows));
      const PackedShape s = WithGaps(packed, random);
      const Inputs in = Normal(s, static_cast<uint64_t>(s.rows));
      const auto got = Run(*tier.kernels, s, 0.2f, in, s.rows % 3);
      const auto exact = Reference<double>(s, 0.2f, in);
      const auto naive = Reference<float>(s, 0.2f, in);
      CheckNear("out", got.out, naive.out, exact.out, 4);
      CheckNear("lse", got.lse, naive.lse, exact.lse, 4);
      CheckNear("dq", got.dq, naive.dq, exact.dq, 16);
      CheckNear("dk", got.dk, naive.dk, exact.dk, 16);
      CheckNear("dv", got.dv, naive.dv, exact.dv, 16);
    }
  }
}

// Equal keys give equal weights, and with a power of two of them whole numbers stay exact.
TEST(attention_packed_is_exact_on_equal_keys) {
  for (const Tier& tier : Tiers()) {
    PackedShape s = Packed(16 + 1, 2, 1, 16, {1});
    Random random(3);
    Inputs in = Normal(s, 3);
    std::fill(in.k.begin(), in.k.end(), 0.0f);
    for (float& x : in.v) x = 16 * static_cast<float>(random.Below(64));
    const auto got = Run(*tier.kernels, s, 1, in);
    for (int64_t count : {1, 2, 4, 8, 16}) {
      for (int64_t d = 0; d < s.head_dim; d++) {
        double want = 0;
        for (int64_t j = 1; j <= count; j++) {
          want += static_cast<double>(in.v[static_cast<size_t>(j * s.head_dim + d)]);
        }
        for (int64_t head = 0; head < 2; head++) {
          const auto at = static_cast<size_t>((count * 2 + head) * s.head_dim + d);
          CHECK_EQ(static_cast<double>(got.out[at]), want / static_cast<double>(count));
        }
      }
    }
  }
}

TEST(attention_packed_has_the_same_bits_however_it_is_cut) {
  for (const Tier& tier : Tiers()) {
    const PackedShape s = Packed(150, 6, 2, 20, {10, 11, 70});
    const Inputs in = Normal(s, 4);
    const auto want = Run(*tier.kernels, s, 0.3f, in);
    for (int64_t cut : {1, 2, 5}) {
      CHECK_CONTEXT("tier %s, cut %d", tier.name, static_cast<int>(cut));
      CheckSame(Run(*tier.kernels, s, 0.3f, in, 0, cut, cut), want);
    }
  }
}

// The rows of one sample keep every bit while all other samples become NaN.
TEST(attention_packed_samples_do_not_see_each_other) {
  for (const Tier& tier : Tiers()) {
    const PackedShape s = Packed(120, 4, 2, 16, {1, 30, 31, 95});
    const Inputs in = Normal(s, 5);
    const auto want = Run(*tier.kernels, s, 0.25f, in);
    for (const auto& [begin, end] : {std::pair{0, 1}, {1, 30}, {30, 31}, {31, 95}, {95, 120}}) {
      CHECK_CONTEXT("tier %s, sample of rows %d to %d", tier.name, begin, end);
      Inputs other = in;
      for (auto* x : {&other.q, &other.k, &other.v, &other.dout}) {
        const auto n = static_cast<size_t>(std::ssize(*x) / s.rows);
        for (size_t i = 0; i < x->size(); i++) {
          if (i < static_cast<size_t>(begin) * n || i >= static_cast<size_t>(end) * n) {
            (*x)[i] = NAN;
          }
        }
      }
      const auto got = Run(*tier.kernels, s, 0.25f, other);
      const auto check = [&](const std::vector<float>& a, const std::vector<float>& b) {
        const auto n = static_cast<size_t>(std::ssize(a) / s.rows);
        for (size_t i = static_cast<size_t>(begin) * n; i < static_cast<size_t>(end) * n; i++) {
          CHECK_BITS(a[i], b[i]);
        }
      };
      check(got.out, want.out);
      check(got.lse, want.lse);
      check(got.dq, want.dq);
      check(got.dk, want.dk);
      check(got.dv, want.dv);
    }
  }
}

// A later row of the same sample changes nothing, whatever it holds.
TEST(attention_packed_is_causal) {
  for (const Tier& tier : Tiers()) {
    const PackedShape s = Packed(90, 2, 1, 16, {40});
    Inputs in = Normal(s, 6);
    const auto want = Run(*tier.kernels, s, 0.25f, in);
    for (int64_t row : {1, 39, 40, 41, 64, 89}) {
      CHECK_CONTEXT("tier %s, row %d", tier.name, static_cast<int>(row));
      Inputs other = in;
      for (int64_t d = 0; d < 16; d++) {
        other.k[static_cast<size_t>(row * 16 + d)] = 1e4f;
        other.v[static_cast<size_t>(row * 16 + d)] = -1e4f;
      }
      const auto got = Run(*tier.kernels, s, 0.25f, other);
      for (int64_t i = 0; i < row * 32; i++) {
        CHECK_BITS(got.out[static_cast<size_t>(i)], want.out[static_cast<size_t>(i)]);
        CHECK_BITS(got.dq[static_cast<size_t>(i)], want.dq[static_cast<size_t>(i)]);
      }
    }
  }
}

// Wrong starts and gaps are no reason to leave the arrays (which end at guard pages).
TEST(attention_packed_survives_any_start) {
  for (const Tier& tier : Tiers()) {
    PackedShape s = Packed(70, 2, 1, 8, {});
    Random random(7);
    for (int32_t& start : s.start) start = static_cast<int32_t>(random.Next());
    for (int64_t i = 0; i < 2 * s.rows; i++) {
      s.gaps.push_back(static_cast<int32_t>(random.Next()));
    }
    const auto got = Run(*tier.kernels, s, 0.3f, Normal(s, 7));
    CHECK_EQ(got.out.size(), static_cast<size_t>(s.QuerySize()));
  }
}
