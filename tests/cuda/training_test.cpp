// The operations of training one after the other, as a step has them: the same bits every time,
// called or recorded. What each computes is tested by its own tests.
#include <algorithm>
#include <memory>

#include "device.h"
#include "random.h"

using namespace jangle::test;

namespace {

constexpr int64_t kRows = 70;
constexpr int64_t kHeads = 4, kKvHeads = 2, kHeadDim = 20;
constexpr int64_t kHidden = kHeads * kHeadDim;
constexpr int64_t kKvSize = kKvHeads * kHeadDim;
constexpr int64_t kVocabulary = 90;
constexpr int64_t kPositions = 64;
constexpr int64_t kTableRows = 9;
constexpr int64_t kScratch = 4 << 20;

struct Indices {
  Indices() {
    Random random(1);
    for (int32_t i = 0; i < kRows; i++) {
      start.push_back(i < 30 ? 0 : 30);
      positions.push_back(i % static_cast<int32_t>(kPositions));
      ids.push_back(static_cast<int32_t>(random.Below(kTableRows)));
      targets.push_back(i % 7 == 0 ? -1 : static_cast<int32_t>(random.Below(kVocabulary)));
      order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)];
    });
  }
  std::vector<int32_t> start, positions, ids, targets, order;
};

// A layer's worth of operations on arrays that lie still, so that it can be recorded.
class Step {
 public:
  explicit Step(const Device& device)
      : device_(device),
        start_(device, Indices().start),
        positions_(device, Indices().positions),
        ids_(device, Indices().ids),
        targets_(device, Indices().targets),
        order_(device, Indices().order),
        table_(device, Random(2).Normals(kTableRows * kHidden)),
        k_(device, Random(3).Normals(kRows * kKvSize)),
        angles_(device, Random(4).Normals(kPositions * kHeadDim)),
        gain_(device, Random(5).Normals(kHidden)),
        row_weights_(device, Random(6).Normals(kRows)),
        first_logits_(device, Random(7).Normals(kRows * kVocabulary)),
        scratch_(device, kScratch),
        loss_(device, kRows),
        sum_(device, 1) {
    for (int64_t size : {kRows * kHidden, kRows * kHidden, kRows * kHeads, kRows * kVocabulary,
                         kRows * kHidden, kRows * kKvSize, kRows * kKvSize, kRows * kHidden,
                         kHidden, kRows * kHidden / 2, kRows * kHidden / 2, kTableRows * kHidden,
                         kTableRows * kHidden, kTableRows * kHidden, kTableRows * kHidden}) {
      outputs_.push_back(std::make_unique<DeviceArray<float>>(device, size));
    }
  }

  void Reset() {
    for (auto& output : outputs_) {
      output->Upload(std::vector<float>(static_cast<size_t>(output->size()), NAN));
      output->Forget();
    }
    scratch_.Forget();
    loss_.Upload(std::vector<double>(static_cast<size_t>(kRows), NAN));
    sum_.Upload({NAN});
    loss_.Forget();
    sum_.Forget();
  }

  void Run() {
    jg_stream* s = device_.stream();
    void* scratch = scratch_.data();
    for (int i : {kDgain, kDtable, kFirst, kSecond}) CHECK_OK(jg_zero(s, At(i), Bytes(i)));
    CHECK_OK(jg_copy(s, At(kWeight), table_.data(), Bytes(kWeight)));
    CHECK_OK(jg_copy(s, At(kLogits), first_logits_.data(), Bytes(kLogits)));
    CHECK_OK(jg_gather_rows(s, kRows, kHidden, ids_.data(), table_.data(), kTableRows, kHidden,
                            At(kQ), kHidden));
    CHECK_OK(jg_rope_rows(s, kRows, positions_.data(), kHeads, kHeadDim, angles_.data(), kPositions,
                          0, At(kQ), kHidden));
    CHECK_OK(jg_attention_forward(s, kRows, start_.data(), nullptr, kHeads, kKvHeads, kHeadDim,
                                  0.2f, At(kQ), kHidden, k_.data(), k_.data(), kKvSize, At(kOut),
                                  kHidden, At(kLse), scratch, kScratch));
    CHECK_OK(jg_cross_entropy(s, kRows, kVocabulary, At(kLogits), kVocabulary, targets_.data(),
                              row_weights_.data(), loss_.data()));
    CHECK_OK(jg_attention_backward(s, kRows, start_.data(), nullptr, kHeads, kKvHeads, kHeadDim,
                                   0.2f, At(kQ), kHidden, k_.data(), k_.data(), kKvSize, At(kOut),
                                   At(kQ), kHidden, At(kLse), At(kDq), At(kDk), At(kDv), scratch,
                                   kScratch));
    CHECK_OK(jg_rmsnorm_backward(s, kRows, 1, kHidden, At(kOut), kHidden, gain_.data(), 1e-5f,
                                 At(kDq), kHidden, 0, At(kDx), kHidden, At(kDgain), scratch,
                                 kScratch));
    CHECK_OK(jg_swiglu_backward(s, kRows, kHidden / 2, At(kDx), At(kDx) + kHidden / 2, kHidden,
                                At(kLogits), kVocabulary, At(kDgate), At(kDup), kHidden / 2));
    CHECK_OK(jg_embed_backward(s, kRows, kHidden, ids_.data(), order_.data(), At(kDx), kHidden,
                               At(kDtable), kTableRows, kHidden));
    CHECK_OK(jg_sum_squares(s, kTableRows * kHidden, At(kDtable), sum_.data(), scratch, kScratch));
    CHECK_OK(jg_adamw(s, kTableRows * kHidden, At(kWeight), At(kDtable), At(kFirst), At(kSecond),
                      1e-3, 0.9, 0.999, 1e-8, 0.1, 0.5, 3));
  }

  // All results, as doubles.
  std::vector<double> Results() const {
    std::vector<double> all = loss_.Download();
    all.push_back(sum_.Download()[0]);
    for (const auto& output : outputs_) {
      for (float value : output->Download()) all.push_back(static_cast<double>(value));
    }
    return all;
  }

 private:
  enum Output {
    kQ,
    kOut,
    kLse,
    kLogits,
    kDq,
    kDk,
    kDv,
    kDx,
    kDgain,
    kDgate,
    kDup,
    kDtable,
    kWeight,
    kFirst,
    kSecond
  };
  float* At(int output) const { return outputs_[static_cast<size_t>(output)]->data(); }
  int64_t Bytes(int output) const { return outputs_[static_cast<size_t>(output)]->Bytes(); }

  const Device& device_;
  DeviceArray<int32_t> start_, positions_, ids_, targets_, order_;
  DeviceArray<float> table_, k_, angles_, gain_, row_weights_, first_logits_;
  DeviceArray<uint8_t> scratch_;
  DeviceArray<double> loss_, sum_;
  std::vector<std::unique_ptr<DeviceArray<float>>> outputs_;
};

void CheckSame(const std::vector<double>& got, const std::vector<double>& want) {
  CHECK_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); i++) {
    CHECK(std::isfinite(got[i]));
    CHECK_BITS(got[i], want[i]);
  }
}

}  // namespace

TEST(zero_clears_what_it_is_given) {
  const Device device;
  const DeviceArray<uint8_t> bytes(device, std::vector<uint8_t>(1000, 7));
  CHECK_OK(jg_zero(device.stream(), bytes.data() + 13, 801));
  const auto got = bytes.Download();
  for (size_t i = 0; i < got.size(); i++) CHECK_EQ(got[i], i < 13 || i >= 814 ? 7 : 0);
}

TEST(training_has_the_same_bits_called_or_recorded) {
  const Device device;
  Step step(device);
  step.Reset();
  step.Run();
  const auto want = step.Results();
  step.Reset();
  CHECK_OK(jg_graph_begin(device.stream()));
  step.Run();
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  CHECK(std::isnan(step.Results()[0]));
  for (int launch = 0; launch < 2; launch++) {
    step.Reset();
    CHECK_OK(jg_graph_launch(device.stream(), graph));
    CheckSame(step.Results(), want);
  }
  CHECK_OK(jg_graph_destroy(graph));
}
