// Micro-benchmark of the matrix product on the best tier and all processors, through the C ABI: for
// SmolLM2-135M's five matrices [n][k], median milliseconds per product of M rows, gigabytes of
// packed weights per second, and T(M) / T(1). The last table of a format is a whole forward pass:
// the sum of the medians over 30 layers and the output matrix. Arguments: names of formats, to run
// those only.
//
// Equal matrices take turns that together are four times as large as the last-level cache, so that
// the weights come from memory as in a forward pass. Every round measures every M once, so that a
// slow moment of the machine falls on all of them.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "jangle.h"
#include "random.h"
#include "weights.h"

using namespace jangle::test;

namespace {

struct Matrix {
  const char* name;
  int64_t n, k;
  int per_pass;  // products of a forward pass
};

constexpr Matrix kMatrices[] = {
    {"query, key, value", 960, 576, 30},   {"attention output", 576, 576, 30},
    {"gate, up", 3072, 576, 30},           {"down", 576, 1536, 30},
    {"output, vocabulary", 49152, 576, 1},
};

constexpr std::array<int64_t, 8> kRows = {1, 2, 4, 8, 16, 32, 64, 128};
constexpr int64_t kMostRows = kRows.back();
using Times = std::array<double, kRows.size()>;  // milliseconds, one for each of kRows

// A matrix repeats so many rows; every n above is a multiple.
constexpr int64_t kSourceRows = 64;

constexpr int kLeastRounds = 21;
constexpr int kMostRounds = 2000;
constexpr double kMilliseconds = 1000;  // rounds go on for so long

void Require(int32_t status) {
  if (status == JG_OK) return;
  std::fprintf(stderr, "bench_matmul: %s\n", jg_last_error());
  std::exit(1);
}

// Device memory for as long as this lives.
class Buffer {
 public:
  Buffer(jg_context* context, int64_t bytes) : context_(context) {
    Require(jg_buffer_alloc(context, std::max<int64_t>(bytes, 1), &memory_));
  }
  ~Buffer() { jg_buffer_free(context_, memory_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  char* bytes() const { return static_cast<char*>(memory_); }
  float* floats() const { return static_cast<float*>(memory_); }

 private:
  jg_context* context_;
  void* memory_ = nullptr;
};

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

int64_t LastLevelCacheBytes() {
  const int64_t bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? bytes : int64_t{32} << 20;
}

void Print(const char* name, int64_t packed_bytes, const Times& times) {
  std::printf("  %s, %.2f MB\n", name, static_cast<double>(packed_bytes) * 1e-6);
  for (size_t i = 0; i < kRows.size(); i++) {
    std::printf("    M %3d  %10.4f ms  %7.2f GB/s  T(M)/T(1) %6.2f\n", static_cast<int>(kRows[i]),
                times[i], static_cast<double>(packed_bytes) * 1e-6 / times[i], times[i] / times[0]);
  }
  std::fflush(stdout);
}

struct Measured {
  int64_t packed_bytes;
  Times times;
};

Measured Measure(jg_context* context, jg_stream* stream, int32_t dtype, const Matrix& matrix) {
  const auto [name, n, k, per_pass] = matrix;
  int64_t packed_bytes = 0;
  int64_t scratch_bytes = 0;
  Require(jg_pack_bytes(context, dtype, n, k, &packed_bytes));
  Require(jg_matmul_scratch_bytes(context, dtype, n, k, kMostRows, &scratch_bytes));
  const int64_t stride = (packed_bytes + 255) / 256 * 256;
  const int64_t copies = std::max<int64_t>(2, 4 * LastLevelCacheBytes() / stride + 1);
  const Buffer weights(context, copies * stride);
  const Buffer x(context, kMostRows * k * 4);
  const Buffer y(context, kMostRows * n * 4);
  const Buffer scratch(context, scratch_bytes);

  Random random(1);
  const FileWeights source = MakeWeights(random, dtype, kSourceRows, k, false);
  for (int64_t row = 0; row < n; row += kSourceRows) {
    Require(jg_pack(stream, dtype, n, k, row, kSourceRows, source.bytes.data(),
                    std::ssize(source.bytes), weights.bytes()));
  }
  for (int64_t i = 1; i < copies; i++) {
    Require(jg_copy(stream, weights.bytes() + i * stride, weights.bytes(), packed_bytes));
  }
  const auto activations = random.Normals(static_cast<size_t>(kMostRows * k));
  Require(jg_copy_to_device(stream, x.bytes(), activations.data(), kMostRows * k * 4));

  int64_t turn = 0;
  const auto product = [&](int64_t rows) {
    const char* packed = weights.bytes() + turn++ % copies * stride;
    const auto start = std::chrono::steady_clock::now();
    Require(jg_matmul(stream, dtype, n, k, packed, rows, x.floats(), k, y.floats(), n, nullptr, 0,
                      scratch.bytes(), scratch_bytes));
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    return time.count();
  };
  for (const int64_t rows : kRows) product(rows);
  std::array<std::vector<double>, kRows.size()> samples;
  double total = 0;
  for (int round = 0; round < kMostRounds && (round < kLeastRounds || total < kMilliseconds);
       round++) {
    for (size_t i = 0; i < kRows.size(); i++) {
      samples[i].push_back(product(kRows[i]));
      total += samples[i].back();
    }
  }
  Measured measured = {packed_bytes, {}};
  for (size_t i = 0; i < kRows.size(); i++) measured.times[i] = Median(samples[i]);
  return measured;
}

bool Chosen(const char* format, int argc, char** argv) {
  if (argc < 2) return true;
  return std::any_of(argv + 1, argv + argc,
                     [&](const char* name) { return std::strcmp(name, format) == 0; });
}

}  // namespace

int main(int argc, char** argv) {
  jg_context* context = nullptr;
  jg_stream* stream = nullptr;
  Require(jg_context_create(0, 0, JG_TIER_BEST, &context));
  Require(jg_stream_create(context, &stream));
  int32_t threads = 0;
  int32_t tier = 0;
  Require(jg_context_info(context, &threads, &tier));
  std::printf("tier %d, %d threads\n", tier, threads);
  for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
    if (!Chosen(kFormatNames[dtype], argc, argv)) continue;
    std::printf("%s\n", kFormatNames[dtype]);
    Measured pass = {0, {}};
    for (const Matrix& matrix : kMatrices) {
      const Measured measured = Measure(context, stream, dtype, matrix);
      char name[80];
      std::snprintf(name, sizeof name, "%s [%d][%d]", matrix.name, static_cast<int>(matrix.n),
                    static_cast<int>(matrix.k));
      Print(name, measured.packed_bytes, measured.times);
      pass.packed_bytes += matrix.per_pass * measured.packed_bytes;
      for (size_t i = 0; i < kRows.size(); i++) {
        pass.times[i] += matrix.per_pass * measured.times[i];
      }
    }
    Print("forward pass", pass.packed_bytes, pass.times);
  }
  jg_stream_destroy(stream);
  jg_context_destroy(context);
  return 0;
}
