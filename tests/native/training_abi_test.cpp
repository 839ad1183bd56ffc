// The operations of training through the C ABI, with worker threads: the same bits for every number
// of them, recorded or not, and a text for every wrong argument. What the operations compute is
// tested per tier by the other tests.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "jangle.h"
#include "random.h"

using namespace jangle::test;

namespace {

constexpr int64_t kRows = 130;
constexpr int64_t kHeads = 4, kKvHeads = 2, kHeadDim = 20;
constexpr int64_t kHidden = kHeads * kHeadDim;
constexpr int64_t kKvSize = kKvHeads * kHeadDim;
constexpr int64_t kInner = 200;
constexpr int64_t kVocabulary = 300;
constexpr int64_t kPositions = 64;

void Ok(int32_t status) {
  CHECK_CONTEXT("last error: %s", jg_last_error());
  CHECK_EQ(status, JG_OK);
}

void Refused(int32_t status, const char* part) {
  CHECK_CONTEXT("last error: %s; expected: %s", jg_last_error(), part);
  CHECK_EQ(status, JG_INVALID_ARGUMENT);
  CHECK(std::strstr(jg_last_error(), part) != nullptr);
}

struct Machine {
  explicit Machine(int32_t threads) {
    Ok(jg_context_create(0, threads, JG_TIER_BEST, &context));
    Ok(jg_stream_create(context, &stream));
    Ok(jg_buffer_alloc(context, kScratch, &scratch));
  }
  ~Machine() {
    jg_buffer_free(context, scratch);
    jg_stream_destroy(stream);
    jg_context_destroy(context);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  static constexpr int64_t kScratch = 64 << 20;
  jg_context* context = nullptr;
  jg_stream* stream = nullptr;
  void* scratch = nullptr;
};

// A layer's worth of operations on buffers that lie still, so that it can be recorded.
struct Step {
  Step() : random(1) {
    for (int32_t i = 0; i < kRows; i++) {
      start.push_back(i < 50 ? 0 : 50);
      positions.push_back(i % static_cast<int32_t>(kPositions));
      ids.push_back(static_cast<int32_t>(random.Below(9)));
      targets.push_back(i % 7 == 0 ? -1 : static_cast<int32_t>(random.Below(kVocabulary)));
      order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)];
    });
    Reset();
  }

  void Reset() {
    for (auto* output : Outputs()) std::fill(output->begin(), output->end(), NAN);
    std::fill(loss.begin(), loss.end(), NAN);
    sum = NAN;
  }

  std::vector<std::vector<float>*> Outputs() {
    return {&x,  &y,  &q,  &k,     &out, &lse,   &logits,  &dx, &dw,    &dq,
            &dk, &dv, &dn, &dgain, &dup, &dgate, &weights, &m,  &second};
  }

  void Run(const Machine& on) {
    jg_stream* s = on.stream;
    void* scratch = on.scratch;
    constexpr int64_t kScratch = Machine::kScratch;
    for (auto* zeroed : {&table_gradient, &m, &second, &dgain}) {
      Ok(jg_zero(s, zeroed->data(), std::ssize(*zeroed) * 4));
    }
    Ok(jg_copy(s, weights.data(), first_weights.data(), std::ssize(weights) * 4));
    Ok(jg_gather_rows(s, kRows, kHidden, ids.data(), table.data(), 9, kHidden, x.data(), kHidden));
    Ok(jg_gemm(s, JG_F32, kRows, kInner, kHidden, 1, 0, x.data(), kHidden, 1, weights.data(),
               kHidden, 0, y.data(), kInner, scratch, kScratch));
    Ok(jg_copy(s, q.data(), x.data(), std::ssize(x) * 4));
    Ok(jg_rope_rows(s, kRows, positions.data(), kHeads, kHeadDim, angles.data(), kPositions, 0,
                    q.data(), kHidden));
    Ok(jg_gemm(s, JG_F32, kRows, kKvSize, kHidden, 0.5f, 0, x.data(), kHidden, 0, table.data(),
               kKvSize, 0, k.data(), kKvSize, scratch, kScratch));
    Ok(jg_attention_forward(s, kRows, start.data(), nullptr, kHeads, kKvHeads, kHeadDim, 0.2f,
                            q.data(), kHidden, k.data(), k.data(), kKvSize, out.data(), kHidden,
                            lse.data(), scratch, kScratch));
    Ok(jg_gemm(s, JG_F32, kRows, kVocabulary, kHidden, 1, 0, out.data(), kHidden, 1, head.data(),
               kHidden, 0, logits.data(), kVocabulary, scratch, kScratch));
    Ok(jg_cross_entropy(s, kRows, kVocabulary, logits.data(), kVocabulary, targets.data(),
                        row_weights.data(), loss.data()));
    Ok(jg_gemm(s, JG_F32, kRows, kHidden, kVocabulary, 1, 0, logits.data(), kVocabulary, 0,
               head.data(), kHidden, 0, dx.data(), kHidden, scratch, kScratch));
    Ok(jg_gemm(s, JG_F32, kVocabulary, kHidden, kRows, 1, 1, logits.data(), kVocabulary, 0,
               out.data(), kHidden, 0, dw.data(), kHidden, scratch, kScratch));
    Ok(jg_attention_backward(s, kRows, start.data(), nullptr, kHeads, kKvHeads, kHeadDim, 0.2f,
                             q.data(), kHidden, k.data(), k.data(), kKvSize, out.data(), dx.data(),
                             kHidden, lse.data(), dq.data(), dk.data(), dv.data(), scratch,
                             kScratch));
    Ok(jg_rmsnorm_backward(s, kRows, 1, kHidden, x.data(), kHidden, gain.data(), 1e-5f, dq.data(),
                           kHidden, 0, dn.data(), kHidden, dgain.data(), scratch, kScratch));
    Ok(jg_swiglu_backward(s, kRows, kInner / 2, y.data(), y.data() + kInner / 2, kInner,
                          logits.data(), kVocabulary, dgate.data(), dup.data(), kInner / 2));
    Ok(jg_embed_backward(s, kRows, kHidden, ids.data(), order.data(), dn.data(), kHidden,
                         table_gradient.data(), 9, kHidden));
    Ok(jg_sum_squares(s, kVocabulary * kHidden, dw.data(), &sum, scratch, kScratch));
    Ok(jg_adamw(s, kInner * kHidden, weights.data(), dw.data(), m.data(), second.data(), 1e-3, 0.9,
                0.999, 1e-8, 0.1, 0.5, 3));
  }

  Random random;
  std::vector<int32_t> start, positions, ids, targets, order;
  std::vector<float> table = random.Normals(kHidden * kKvSize);
  std::vector<float> head = random.Normals(kVocabulary * kHidden);
  std::vector<float> first_weights = random.Normals(kInner * kHidden);
  std::vector<float> angles = random.Normals(kPositions * kHeadDim);
  std::vector<float> gain = random.Normals(kHidden);
  std::vector<float> row_weights = random.Normals(kRows);
  std::vector<float> x = Floats(kRows * kHidden), q = x, out = x, dx = x, dq = x, dn = x;
  std::vector<float> k = Floats(kRows * kKvSize), dk = k, dv = k;
  std::vector<float> y = Floats(kRows * kInner);
  std::vector<float> lse = Floats(kRows * kHeads);
  std::vector<float> logits = Floats(kRows * kVocabulary);
  std::vector<float> dw = Floats(kVocabulary * kHidden);
  std::vector<float> weights = Floats(kInner * kHidden), m = weights, second = weights;
  std::vector<float> dgain = Floats(kHidden);
  std::vector<float> dgate = Floats(kRows * kInner / 2), dup = dgate;
  std::vector<float> table_gradient = Floats(9 * kHidden);
  std::vector<double> loss = std::vector<double>(kRows);
  double sum = 0;

  static std::vector<float> Floats(int64_t n) { return std::vector<float>(static_cast<size_t>(n)); }
};

void CheckSame(Step& got, Step& want) {
  const auto a = got.Outputs();
  const auto b = want.Outputs();
  for (size_t i = 0; i < a.size(); i++) {
    CHECK_CONTEXT("output %d", static_cast<int>(i));
    for (size_t j = 0; j < a[i]->size(); j++) {
      CHECK(std::isfinite((*a[i])[j]));
      CHECK_BITS((*a[i])[j], (*b[i])[j]);
    }
  }
  for (size_t i = 0; i < got.table_gradient.size(); i++) {
    CHECK_BITS(got.table_gradient[i], want.table_gradient[i]);
  }
  for (size_t i = 0; i < got.loss.size(); i++) CHECK_BITS(got.loss[i], want.loss[i]);
  CHECK_BITS(got.sum, want.sum);
}

}  // namespace

TEST(training_has_the_same_bits_for_every_number_of_threads) {
  const Machine one(1);
  Step want;
  want.Run(one);
  for (int32_t threads : {2, 3, 5}) {
    CHECK_CONTEXT("%d threads", threads);
    const Machine machine(threads);
    Step got;
    for (int round = 0; round < 3; round++) {
      got.Reset();
      got.Run(machine);
      CheckSame(got, want);
    }
  }
}

TEST(training_can_be_recorded) {
  const Machine machine(2);
  Step want;
  want.Run(machine);
  Step got;
  Ok(jg_graph_begin(machine.stream));
  got.Run(machine);
  jg_graph* graph = nullptr;
  Ok(jg_graph_end(machine.stream, &graph));
  CHECK(std::isnan(got.out[0]));
  for (int launch = 0; launch < 2; launch++) {
    got.Reset();
    Ok(jg_graph_launch(machine.stream, graph));
    CheckSame(got, want);
  }
  Ok(jg_graph_destroy(graph));
}

TEST(training_refuses_wrong_arguments) {
  const Machine machine(1);
  jg_stream* s = machine.stream;
  void* scratch = machine.scratch;
  const int64_t all = Machine::kScratch;
  float x[64] = {};
  alignas(8) int32_t ids[4] = {};
  double loss[4] = {};
  const auto gemm = [&](int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                        int32_t transpose, const void* memory, int64_t bytes) {
    return jg_gemm(s, JG_F32, m, n, k, 1, transpose, x, lda, transpose, x, ldb, 0, x, ldc,
                   const_cast<void*>(memory), bytes);
  };
  Refused(gemm(0, 2, 2, 2, 2, 2, 0, scratch, all), "0 x 2 by 2 x 2");
  Refused(gemm(2, int64_t{1} << 31, 2, 2, 2, 2, 0, scratch, all), "2147483648");
  Refused(gemm(2, 3, 4, 3, 3, 3, 0, scratch, all), "rows of 4, 3 and 3 elements, 3, 3 and 3 apart");
  Refused(gemm(2, 3, 4, 2, 3, 3, 1, scratch, all), "rows of 2, 4 and 3 elements, 2, 3 and 3 apart");
  Refused(gemm(2, 3, 4, 4, 3, 2, 0, scratch, all), "jg_gemm: rows of");
  Refused(gemm(2, 3, 4, 4, 3, 3, 0, scratch, 64), "64 bytes of scratch; needs");
  Refused(gemm(2, 3, 4, 4, 3, 3, 0, nullptr, all), "bytes of scratch");
  Refused(gemm(2, 3, 4, 4, 3, 3, 0, static_cast<char*>(scratch) + 4, all), "aligned to 64");
  Refused(jg_gemm(nullptr, JG_F32, 1, 1, 1, 1, 0, x, 1, 0, x, 1, 0, x, 1, scratch, all),
          "stream is null");
  Refused(jg_gemm(s, JG_F16, 1, 1, 1, 1, 0, x, 1, 0, x, 1, 0, x, 1, scratch, all),
          "products of format 1; there are those of JG_F32 and JG_BF16");
  CHECK_EQ(jg_gemm(s, JG_BF16, 1, 1, 1, 1, 0, x, 1, 0, x, 1, 0, x, 1, scratch, all),
           JG_UNSUPPORTED);
  CHECK(std::strstr(jg_last_error(), "jg_gemm: the CPU has no products of JG_BF16") != nullptr);
  Refused(jg_zero(s, x, 0), "0 bytes");
  Refused(jg_gather_rows(s, 2, 8, ids, x, 0, 8, x, 8), "table of 0 rows");
  Refused(jg_gather_rows(s, 2, 8, ids, x, 4, 7, x, 8), "short rows");
  Refused(jg_embed_backward(s, 2, 8, ids, nullptr, x, 8, x, 4, 8), "null");
  Refused(jg_rmsnorm_backward(s, 2, 2, 8, x, 15, x, 1, x, 16, 0, x, 16, x, scratch, all),
          "2 groups of 8 in rows of 15, 16 and 16");
  Refused(jg_rmsnorm_backward(s, 2, 2, 8, x, 16, x, 1, x, 16, 0, x, 16, x, scratch, 15),
          "15 bytes of scratch; needs 16");
  Refused(jg_rope_rows(s, 2, ids, 2, 7, x, 4, 0, x, 14), "head_dim 7; must be even");
  Refused(jg_rope_rows(s, 2, ids, 2, 8, x, 0, 0, x, 16), "a table of 0 positions");
  Refused(jg_swiglu_backward(s, 2, 8, x, x, 8, x, 7, x, x, 8), "short rows");
  Refused(
      jg_attention_forward(s, 2, ids, nullptr, 3, 2, 8, 1, x, 24, x, x, 16, x, 24, x, scratch, all),
      "3 heads on 2 of 8");
  Refused(
      jg_attention_forward(s, 2, ids, nullptr, 2, 2, 8, 1, x, 16, x, x, 15, x, 16, x, scratch, all),
      "rows of 16, 15 and 16");
  Refused(
      jg_attention_forward(s, 2, ids, ids + 1, 2, 2, 8, 1, x, 16, x, x, 16, x, 16, x, scratch, all),
      "gaps not aligned to 8 bytes");
  Refused(jg_attention_backward(s, 2, ids, nullptr, 2, 2, 8, 1, x, 16, x, x, 16, x, x, 16, x, x, x,
                                nullptr, scratch, all),
          "null argument");
  Refused(jg_attention_backward(s, 2, ids, nullptr, 2, 2, 8, 1, x, 16, x, x, 16, x, x, 16, x, x, x,
                                x, scratch, 64),
          "64 bytes of scratch");
  Refused(jg_cross_entropy(s, 2, 8, x, 7, ids, x, loss), "short rows");
  Refused(jg_sum_squares(s, 0, x, loss, scratch, all), "0 elements");
  Refused(jg_sum_squares(s, 8, x, loss, nullptr, 0), "needs 8");
  const auto adamw = [&](double rate, double beta, double eps, int64_t step) {
    return jg_adamw(s, 8, x, x, x, x, rate, beta, 0.9, eps, 0, 1, step);
  };
  Refused(adamw(-1, 0.9, 1, 1), "rate -1");
  Refused(adamw(NAN, 0.9, 1, 1), "rate");
  Refused(adamw(1, 1, 1, 1), "beta 1");
  Refused(adamw(1, 0.9, 0, 1), "eps 0");
  Refused(adamw(1, 0.9, 1, 0), "step 0");
  int64_t bytes = 0;
  const int64_t most = std::numeric_limits<int64_t>::max();
  for (const int64_t wrong : {int64_t{0}, int64_t{-1}, most}) {
    Refused(jg_gemm_scratch_bytes(machine.context, JG_F32, wrong, 1, 1, &bytes), "a product of");
    Refused(jg_rmsnorm_backward_scratch_bytes(machine.context, 1, wrong, 1, &bytes), "groups");
    Refused(jg_attention_forward_scratch_bytes(machine.context, 1, 1, 1, wrong, &bytes), "heads");
    Refused(jg_attention_backward_scratch_bytes(machine.context, wrong, 1, 1, 1, &bytes), "heads");
  }
  Refused(
      jg_attention_backward_scratch_bytes(machine.context, 1 << 20, 1 << 20, 1, 1 << 20, &bytes),
      "1048576 heads");
  Refused(jg_sum_squares_scratch_bytes(machine.context, 0, &bytes), "0 elements");
}
