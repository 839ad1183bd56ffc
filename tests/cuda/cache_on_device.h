// Batches and a paged cache of the library under test.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "device.h"
#include "random.h"
#include "reference.h"
#include "test_batch.h"

namespace jangle::test {

class DeviceBatch {
 public:
  DeviceBatch(const Device& device, int32_t max_rows, int32_t max_sequences, int32_t max_pages)
      : device_(device), max_pages_(max_pages) {
    CHECK_OK(jg_batch_create(device.context(), max_rows, max_sequences, max_pages, &batch_));
  }
  DeviceBatch(const Device& device, const std::vector<TestSequence>& sequences)
      : DeviceBatch(device, RowsOf(sequences), static_cast<int32_t>(sequences.size()),
                    PagesOf(sequences)) {
    Set(sequences);
  }
  ~DeviceBatch() { jg_batch_destroy(batch_); }
  DeviceBatch(const DeviceBatch&) = delete;
  DeviceBatch& operator=(const DeviceBatch&) = delete;

  // `padded_rows`: with rows of padding; 0: without.
  void Set(const std::vector<TestSequence>& sequences, int32_t padded_rows = 0) {
    std::vector<int32_t> ids, parents, committed, pages;
    for (const TestSequence& s : sequences) {
      const auto first = static_cast<int32_t>(parents.size());
      for (int32_t parent : s.parents) {
        ids.push_back(static_cast<int32_t>(committed.size()));
        parents.push_back(parent < 0 ? -1 : first + parent);
      }
      committed.push_back(s.committed);
      pages.insert(pages.end(), s.pages.begin(), s.pages.end());
      pages.resize(committed.size() * static_cast<size_t>(max_pages_), -1);
    }
    const auto rows = static_cast<int32_t>(parents.size());
    rows_ = std::max(rows, padded_rows);
    const std::vector<int32_t> tokens(parents.size(), 0);
    CHECK_OK(jg_batch_set_padded(device_.stream(), batch_, rows, rows_, tokens.data(), ids.data(),
                                 parents.data(), static_cast<int32_t>(committed.size()),
                                 committed.data(), pages.data()));
  }
  jg_batch* batch() const { return batch_; }
  int32_t rows() const { return rows_; }
  int32_t max_pages() const { return max_pages_; }

 private:
  static int32_t RowsOf(const std::vector<TestSequence>& sequences) {
    size_t rows = 0;
    for (const TestSequence& s : sequences) rows += s.parents.size();
    return static_cast<int32_t>(rows);
  }
  static int32_t PagesOf(const std::vector<TestSequence>& sequences) {
    size_t pages = 0;
    for (const TestSequence& s : sequences) pages = std::max(pages, s.pages.size());
    return static_cast<int32_t>(pages);
  }

  const Device& device_;
  int32_t max_pages_;
  int32_t rows_ = 0;
  jg_batch* batch_ = nullptr;
};

struct AttentionShape {
  int64_t heads, kv_heads, dim;

  float Scale() const { return 1.0f / std::sqrt(static_cast<float>(dim)); }
  int64_t Q() const { return heads * dim; }
  int64_t Kv() const { return kv_heads * dim; }
};

// The pages of one layer; NaN wherever nothing has been appended.
class DeviceCache {
 public:
  DeviceCache(const Device& device, const AttentionShape& shape, int32_t dtype, int32_t pages)
      : device_(device),
        shape_(shape),
        dtype_(dtype),
        bytes_(device, pages * 2 * shape.Kv() * kPage * (dtype == JG_F16 ? 2 : 4)) {
    bytes_.Upload(std::vector<uint8_t>(static_cast<size_t>(bytes_.size()), 0xff));
    bytes_.Forget();
  }

  void CopyFrom(const DeviceCache& other) {
    CHECK_OK(jg_copy(device_.stream(), bytes_.data(), other.bytes_.data(), bytes_.Bytes()));
  }
  // k and v: [rows][kv_heads * dim].
  void Append(const DeviceBatch& batch, const std::vector<float>& k, const std::vector<float>& v) {
    const DeviceArray<float> device_k(device_, k);
    const DeviceArray<float> device_v(device_, v);
    CHECK_EQ(k.size(), batch.rows() * shape_.Kv());
    CHECK_OK(jg_kv_append(device_.stream(), batch.batch(), dtype_, shape_.kv_heads, shape_.dim,
                          device_k.data(), shape_.Kv(), device_v.data(), shape_.Kv(),
                          bytes_.data()));
    device_.Synchronize();
  }
  // Starts attention with rows `gap` elements apart; the caller synchronises.
  void Enqueue(const DeviceBatch& batch, const DeviceArray<float>& q, const DeviceArray<float>& out,
               const DeviceArray<uint8_t>& scratch, int64_t gap) const {
    CHECK_OK(jg_attention(device_.stream(), batch.batch(), dtype_, shape_.heads, shape_.kv_heads,
                          shape_.dim, shape_.Scale(), bytes_.data(), q.data(), shape_.Q() + gap,
                          out.data(), shape_.Q() + gap, scratch.data(), scratch.size()));
  }
  int64_t ScratchBytes(const DeviceBatch& batch) const {
    int64_t bytes = 0;
    CHECK_OK(jg_attention_scratch_bytes(device_.context(), shape_.heads, shape_.dim, batch.rows(),
                                        batch.max_pages(), &bytes));
    return bytes;
  }
  // Rows of q lie 3 elements apart, as do those of the result, and what is between them stays.
  std::vector<float> Attend(const DeviceBatch& batch, const std::vector<float>& q) const {
    constexpr int64_t kGap = 3;
    const int64_t ld = shape_.Q() + kGap;
    std::vector<float> spread(static_cast<size_t>(batch.rows() * ld), NAN);
    for (int64_t i = 0; i < batch.rows(); i++) {
      std::copy_n(q.begin() + i * shape_.Q(), shape_.Q(), spread.begin() + i * ld);
    }
    const DeviceArray<float> in(device_, spread);
    const DeviceArray<float> out(device_, std::vector<float>(spread.size(), NAN));
    const DeviceArray<uint8_t> scratch(device_, ScratchBytes(batch));
    if (scratch.size() > 0) {
      CHECK_OK(jg_copy_to_device(
          device_.stream(), scratch.data(),
          std::vector<uint8_t>(static_cast<size_t>(scratch.size()), 0xff).data(), scratch.size()));
    }
    scratch.Forget();
    out.Forget();
    Enqueue(batch, in, out, scratch, kGap);
    const std::vector<float> result = out.Download();
    std::vector<float> rows;
    for (int64_t i = 0; i < batch.rows(); i++) {
      const auto row = result.begin() + i * ld;
      rows.insert(rows.end(), row, row + shape_.Q());
      for (int64_t j = shape_.Q(); j < ld; j++) CHECK(std::isnan(row[j]));
    }
    return rows;
  }
  const DeviceArray<uint8_t>& bytes() const { return bytes_; }
  // What is stored of a float.
  float Stored(float x) const { return dtype_ == JG_F16 ? HalfToFloat(FloatToHalf(x)) : x; }

 private:
  const Device& device_;
  AttentionShape shape_;
  int32_t dtype_;
  DeviceArray<uint8_t> bytes_;
};

}  // namespace jangle::test
