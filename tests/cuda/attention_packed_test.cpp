#include <algorithm>
#include <cstring>

#include "device.h"
#include "random.h"
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

std::vector<float> Unpadded(const DeviceArray<float>& array, int64_t rows, int64_t n, int64_t pad) {
  const auto padded = array.Download();
  std::vector<float> dense;
  for (int64_t i = 0; i < rows; i++) {
    const float* row = padded.data() + i * (n + pad);
    dense.insert(dense.end(), row, row + n);
    for (int64_t j = n; i + 1 < rows && j < n + pad; j++) CHECK(std::isnan(row[j]));
  }
  return dense;
}

PackedResult<float> Run(const Device& device, const PackedShape& s, float scale, const Inputs& in,
                        int64_t pad = 0) {
  const int64_t nq = s.heads * s.head_dim;
  const int64_t nk = s.kv_heads * s.head_dim;
  const DeviceArray<float> q(device, Padded(in.q, s.rows, pad));
  const DeviceArray<float> dout(device, Padded(in.dout, s.rows, pad));
  const DeviceArray<float> k(device, Padded(in.k, s.rows, pad));
  const DeviceArray<float> v(device, Padded(in.v, s.rows, pad));
  const DeviceArray<int32_t> start(device, s.start), gap_rows(device, s.gaps);
  const int32_t* gaps = s.gaps.empty() ? nullptr : gap_rows.data();
  const auto poison = [&](int64_t size) {
    return std::vector<float>(static_cast<size_t>(size), NAN);
  };
  const DeviceArray<float> out(device, poison(q.size())), dq(device, poison(q.size()));
  const DeviceArray<float> dk(device, poison(k.size())), dv(device, poison(k.size()));
  const DeviceArray<float> lse(device, poison(s.rows * s.heads));
  int64_t forward_bytes = 0;
  int64_t backward_bytes = 0;
  CHECK_OK(jg_attention_forward_scratch_bytes(device.context(), s.rows, s.heads, s.kv_heads,
                                              s.head_dim, &forward_bytes));
  CHECK_OK(jg_attention_backward_scratch_bytes(device.context(), s.rows, s.heads, s.kv_heads,
                                               s.head_dim, &backward_bytes));
  const DeviceArray<uint8_t> scratch(device, std::max(forward_bytes, backward_bytes));
  for (const auto* written : {&out, &dq, &dk, &dv, &lse}) written->Forget();
  scratch.Forget();
  CHECK_OK(jg_attention_forward(device.stream(), s.rows, start.data(), gaps, s.heads, s.kv_heads,
                                s.head_dim, scale, q.data(), nq + pad, k.data(), v.data(), nk + pad,
                                out.data(), nq + pad, lse.data(), scratch.data(), scratch.size()));
  CHECK_OK(jg_attention_backward(device.stream(), s.rows, start.data(), gaps, s.heads, s.kv_heads,
                                 s.head_dim, scale, q.data(), nq + pad, k.data(), v.data(),
                                 nk + pad, out.data(), dout.data(), nq + pad, lse.data(), dq.data(),
                                 dk.data(), dv.data(), scratch.data(), scratch.size()));
  return {Unpadded(out, s.rows, nq, pad), lse.Download(), Unpadded(dq, s.rows, nq, pad),
          Unpadded(dk, s.rows, nk, pad), Unpadded(dv, s.rows, nk, pad)};
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

// Rows [begin, end) of a matrix of `rows` rows.
std::vector<float> RowsOf(const std::vector<float>& x, int64_t rows, int64_t begin, int64_t end) {
  const int64_t n = std::ssize(x) / rows;
  return {x.begin() + begin * n, x.begin() + end * n};
}

void CheckSame(const char* what, const std::vector<float>& a, const std::vector<float>& b) {
  CHECK_CONTEXT("%s", what);
  CHECK_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++) CHECK_BITS(a[i], b[i]);
}

}  // namespace

// Heads of every size of tile, samples that end within tiles and with them.
TEST(attention_packed_matches_double) {
  const Device device;
  for (const PackedShape& s :
       {Packed(1, 1, 1, 8, {}), Packed(7, 2, 1, 3, {1, 2}), Packed(130, 3, 1, 16, {3, 64, 67}),
        Packed(70, 4, 2, 64, {}), Packed(67, 2, 1, 70, {32}), Packed(40, 2, 2, 128, {7}),
        Packed(36, 2, 1, 130, {17}), Packed(18, 1, 1, 256, {})}) {
    CHECK_CONTEXT("%d rows, heads of %d", static_cast<int>(s.rows), static_cast<int>(s.head_dim));
    const Inputs in = Normal(s, static_cast<uint64_t>(s.rows));
    const float scale = 1 / std::sqrt(static_cast<float>(s.head_dim));
    const auto got = Run(device, s, scale, in, s.rows % 3);
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

TEST(attention_packed_matches_double_with_gaps) {
  const Device device;
  Random random(8);
  for (const PackedShape& packed : {Packed(2, 1, 1, 8, {}), Packed(200, 3, 1, 16, {3, 64, 67}),
                                    Packed(67, 2, 1, 70, {32}), Packed(50, 1, 1, 130, {17})}) {
    CHECK_CONTEXT("%d rows", static_cast<int>(packed.rows));
    const PackedShape s = WithGaps(packed, random);
    const Inputs in = Normal(s, static_cast<uint64_t>(s.rows));
    const auto got = Run(device, s, 0.2f, in, s.rows % 3);
    const auto exact = Reference<double>(s, 0.2f, in);
    const auto naive = Reference<float>(s, 0.2f, in);
    CheckNear("out", got.out, naive.out, exact.out, 4);
    CheckNear("lse", got.lse, naive.lse, exact.lse, 4);
    CheckNear("dq", got.dq, naive.dq, exact.dq, 16);
    CheckNear("dk", got.dk, naive.dk, exact.dk, 16);
    CheckNear("dv", got.dv, naive.dv, exact.dv, 16);
  }
}

// Equal keys give equal weights, and with a power of two of them whole numbers stay exact.
TEST(attention_packed_is_exact_on_equal_keys) {
  const Device device;
  const PackedShape s = Packed(128 + 1, 2, 1, 16, {1});
  Random random(3);
  Inputs in = Normal(s, 3);
  std::fill(in.k.begin(), in.k.end(), 0.0f);
  for (float& x : in.v) x = 128 * static_cast<float>(random.Below(64));
  const auto got = Run(device, s, 1, in);
  for (int64_t count : {1, 2, 4, 8, 16, 32, 64, 128}) {
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

// A sample has the same bits alone and anywhere in a pack, where all other samples are NaN.
TEST(attention_packed_sample_alone_has_the_same_bits) {
  const Device device;
  const PackedShape s = Packed(140, 4, 2, 16, {1, 30, 31});
  Inputs in = Normal(s, 5);
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 30}, {31, 140}}) {
    CHECK_CONTEXT("sample of rows %d to %d", static_cast<int>(begin), static_cast<int>(end));
    const auto part = [&](const std::vector<float>& x) { return RowsOf(x, s.rows, begin, end); };
    const Inputs alone = {part(in.q), part(in.k), part(in.v), part(in.dout)};
    const auto want = Run(device, Packed(end - begin, 4, 2, 16, {}), 0.25f, alone);
    Inputs packed = in;
    for (auto* x : {&packed.q, &packed.k, &packed.v, &packed.dout}) {
      const int64_t n = std::ssize(*x) / s.rows;
      std::fill(x->begin(), x->begin() + begin * n, NAN);
      std::fill(x->begin() + end * n, x->end(), NAN);
    }
    const auto got = Run(device, s, 0.25f, packed);
    CheckSame("out", part(got.out), want.out);
    CheckSame("lse", part(got.lse), want.lse);
    CheckSame("dq", part(got.dq), want.dq);
    CheckSame("dk", part(got.dk), want.dk);
    CheckSame("dv", part(got.dv), want.dv);
  }
}

// A later row of the same sample changes nothing, whatever number it holds; an earlier one does not
// change the gradients of later keys by its query.
TEST(attention_packed_is_causal) {
  const Device device;
  const PackedShape s = Packed(90, 2, 1, 16, {20});
  const Inputs in = Normal(s, 6);
  const auto want = Run(device, s, 0.25f, in);
  for (int64_t row : {1, 21, 64, 89}) {
    CHECK_CONTEXT("row %d", static_cast<int>(row));
    Inputs other = in;
    for (int64_t d = 0; d < 16; d++) {
      other.k[static_cast<size_t>(row * 16 + d)] = 1e4f;
      other.v[static_cast<size_t>(row * 16 + d)] = -1e4f;
    }
    const auto got = Run(device, s, 0.25f, other);
    CheckSame("out", RowsOf(got.out, 90, 0, row), RowsOf(want.out, 90, 0, row));
    CheckSame("dq", RowsOf(got.dq, 90, 0, row), RowsOf(want.dq, 90, 0, row));
    other = in;
    for (int64_t d = 0; d < 32; d++) other.dout[static_cast<size_t>(row * 32 + d)] = 1e4f;
    const auto later = Run(device, s, 0.25f, other);
    CheckSame("dk", RowsOf(later.dk, 90, row + 1, 90), RowsOf(want.dk, 90, row + 1, 90));
    CheckSame("dv", RowsOf(later.dv, 90, row + 1, 90), RowsOf(want.dv, 90, row + 1, 90));
  }
}

// Wrong starts and gaps are no reason to leave the arrays.
TEST(attention_packed_survives_any_start) {
  const Device device;
  PackedShape s = Packed(70, 2, 1, 8, {});
  Random random(7);
  for (int32_t& start : s.start) start = static_cast<int32_t>(random.Next());
  for (int64_t i = 0; i < 2 * s.rows; i++) s.gaps.push_back(static_cast<int32_t>(random.Next()));
  const auto got = Run(device, s, 0.3f, Normal(s, 7));
  CHECK_EQ(got.out.size(), static_cast<size_t>(s.QuerySize()));
}

// The CPU takes heads of any size, CUDA of 256 elements and refuses more by name.
TEST(attention_packed_refuses_longer_heads) {
  const Device device;
  int32_t threads = 0;
  int32_t tier = 0;
  CHECK_OK(jg_context_info(device.context(), &threads, &tier));
  const DeviceArray<float> x(device, 257);
  const DeviceArray<int32_t> start(device, 1);
  const DeviceArray<uint8_t> scratch(device, 1 << 20);
  const float* in = x.data();
  const DeviceArray<float> out(device, 257), lse(device, 1);
  const auto status = [&](int64_t dim) {
    return jg_attention_forward(device.stream(), 1, start.data(), nullptr, 1, 1, dim, 1, in, dim,
                                in, in, dim, out.data(), dim, lse.data(), scratch.data(),
                                scratch.size());
  };
  CHECK_OK(status(256));
  if (tier <= JG_TIER_AVX512BF16) {
    CHECK_OK(status(257));
    return;
  }
  CHECK_EQ(status(257), JG_UNSUPPORTED);
  CHECK(std::strstr(jg_last_error(), "jg_attention_forward: head_dim 257") != nullptr);
  CHECK_EQ(jg_attention_backward(device.stream(), 1, start.data(), nullptr, 1, 1, 257, 1, in, 257,
                                 in, in, 257, in, in, 257, lse.data(), out.data(), out.data(),
                                 out.data(), scratch.data(), scratch.size()),
           JG_UNSUPPORTED);
  CHECK(std::strstr(jg_last_error(), "jg_attention_backward: head_dim 257") != nullptr);
}
