// Packed weights and products of the library under test.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "device.h"
#include "weights.h"

namespace jangle::test {

// n rows, at most 67 of them different: wide weights at the price of narrow ones.
inline FileWeights MakeWideWeights(Random& random, int32_t dtype, int64_t n, int64_t k,
                                   bool integers) {
  FileWeights w = MakeWeights(random, dtype, std::min<int64_t>(n, 67), k, integers);
  const auto bytes = static_cast<size_t>(n * w.RowBytes());
  w.n = n;
  for (size_t i = 0; w.bytes.size() < bytes; i++) w.bytes.push_back(w.bytes[i]);
  for (size_t i = 0; w.values.size() < static_cast<size_t>(n * k); i++) {
    w.values.push_back(w.values[i]);
  }
  return w;
}

class PackedWeights {
 public:
  // Packs `pieces` runs of rows one after the other.
  PackedWeights(const Device& device, const FileWeights& w, int64_t pieces = 1)
      : device_(device),
        dtype_(w.dtype),
        n_(w.n),
        k_(w.k),
        packed_(device, PackedBytes(device, w)) {
    for (int64_t i = 0; i < pieces; i++) {
      const int64_t begin = n_ * i / pieces;
      const int64_t rows = n_ * (i + 1) / pieces - begin;
      CHECK_OK(jg_pack(device.stream(), dtype_, n_, k_, begin, rows,
                       w.bytes.data() + begin * w.RowBytes(), rows * w.RowBytes(), packed_.data()));
    }
    device.Synchronize();
  }

  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  int32_t dtype() const { return dtype_; }
  const uint8_t* data() const { return packed_.data(); }
  std::vector<uint8_t> Bytes() const { return packed_.Download(); }

 private:
  static int64_t PackedBytes(const Device& device, const FileWeights& w) {
    int64_t bytes = 0;
    CHECK_OK(jg_pack_bytes(device.context(), w.dtype, w.n, w.k, &bytes));
    return bytes;
  }

  const Device& device_;
  int32_t dtype_;
  int64_t n_, k_;
  DeviceArray<uint8_t> packed_;
};

struct ProductOptions {
  int64_t x_gap = 0;  // elements between two rows of x, and as many before the first
  int64_t y_gap = 0;
  const std::vector<float>* bias = nullptr;
  const std::vector<float>* add = nullptr;  // y before an accumulating product
};

// y [rows][n] of x [rows][k]. Gaps and scratch hold NaN; gaps of y are checked afterwards.
inline std::vector<float> Product(const Device& device, const PackedWeights& w,
                                  const std::vector<float>& x, const ProductOptions& options = {}) {
  const float poison = std::numeric_limits<float>::quiet_NaN();
  const int64_t rows = static_cast<int64_t>(x.size()) / w.k();
  const int64_t ldx = w.k() + options.x_gap;
  const int64_t ldy = w.n() + options.y_gap;
  std::vector<float> x_rows(static_cast<size_t>(options.x_gap + rows * ldx), poison);
  for (int64_t i = 0; i < rows; i++) {
    std::copy_n(x.begin() + i * w.k(), w.k(), x_rows.begin() + options.x_gap + i * ldx);
  }
  std::vector<float> y_rows(static_cast<size_t>(options.y_gap + rows * ldy), poison);
  for (int64_t i = 0; options.add != nullptr && i < rows; i++) {
    std::copy_n(options.add->begin() + i * w.n(), w.n(), y_rows.begin() + options.y_gap + i * ldy);
  }
  int64_t scratch_bytes = 0;
  CHECK_OK(
      jg_matmul_scratch_bytes(device.context(), w.dtype(), w.n(), w.k(), rows, &scratch_bytes));
  const DeviceArray<float> x_device(device, x_rows);
  const DeviceArray<float> y_device(device, y_rows);
  DeviceArray<uint8_t> scratch(device, scratch_bytes);
  if (scratch_bytes > 0) {
    scratch.Upload(std::vector<uint8_t>(static_cast<size_t>(scratch_bytes), 0xff));
  }
  scratch.Forget();
  if (options.add == nullptr) y_device.Forget();
  const DeviceArray<float> bias(device,
                                options.bias == nullptr ? std::vector<float>() : *options.bias);
  CHECK_OK(jg_matmul(device.stream(), w.dtype(), w.n(), w.k(), w.data(), rows,
                     x_device.data() + options.x_gap, ldx, y_device.data() + options.y_gap, ldy,
                     bias.data(), options.add != nullptr, scratch.data(), scratch_bytes));
  device.Synchronize();
  y_rows = y_device.Download();
  std::vector<float> y;
  for (int64_t i = 0; i < rows; i++) {
    const auto* gap = y_rows.data() + i * ldy;
    for (int64_t j = 0; j < options.y_gap; j++) CHECK(std::isnan(gap[j]));
    y.insert(y.end(), gap + options.y_gap, gap + ldy);
  }
  return y;
}

// Rows [begin, begin + rows) of a matrix with `columns` columns.
inline std::vector<float> RowsOf(const std::vector<float>& matrix, int64_t columns, int64_t begin,
                                 int64_t rows) {
  return {matrix.begin() + begin * columns, matrix.begin() + (begin + rows) * columns};
}

inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Integer activations of which each block of 32 holds a 127, so that int8 blocks hold them exactly.
inline std::vector<float> IntegerRows(Random& random, int64_t rows, int64_t k, int32_t dtype) {
  const bool blocks = dtype >= JG_Q8_0;
  auto x = random.Integers(static_cast<size_t>(rows * k), blocks ? 127 : 15);
  for (int64_t i = 0; blocks && i < rows * k; i += 32) {
    x[static_cast<size_t>(i + random.Below(32))] = 127;
  }
  return x;
}

// x * w^T in Real, k ascending.
template <typename Real>
std::vector<Real> ProductReference(const FileWeights& w, const std::vector<float>& x) {
  std::vector<Real> y;
  for (auto row = x.begin(); row != x.end(); row += w.k) {
    for (int64_t j = 0; j < w.n; j++) {
      Real sum = 0;
      for (int64_t l = 0; l < w.k; l++) {
        sum += static_cast<Real>(row[l]) *
               static_cast<Real>(w.values[static_cast<size_t>(j * w.k + l)]);
      }
      y.push_back(sum);
    }
  }
  return y;
}

}  // namespace jangle::test
