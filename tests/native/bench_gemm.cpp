// Micro-benchmark of the product of plain matrices, through the C ABI on the best tier and all
// processors: the products of a training step of SmolLM2-135M on 512 rows (or as many as the first
// argument says), median milliseconds and GFLOP/s. tests/peers/gemm.py compares with PyTorch.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "jangle.h"
#include "random.h"

using namespace jangle::test;

namespace {

struct Linear {
  const char* name;
  int64_t inputs, outputs;
  int per_step;
};

constexpr Linear kLayers[] = {
    {"query, output", 576, 576, 60}, {"key, value", 576, 192, 60},  {"gate, up", 576, 1536, 60},
    {"down", 1536, 576, 30},         {"vocabulary", 576, 49152, 1},
};

constexpr int kLeastRounds = 5;
constexpr double kMilliseconds = 1000;  // rounds of one product go on for so long

void Require(int32_t status) {
  if (status == JG_OK) return;
  std::fprintf(stderr, "bench_gemm: %s\n", jg_last_error());
  std::exit(1);
}

struct Product {
  const char* name;
  int64_t m, n, k;
  bool transpose_a, transpose_b;
};

double MedianMilliseconds(jg_context* context, jg_stream* stream, const Product& p) {
  Random random(1);
  const auto a = random.Normals(static_cast<size_t>(p.m * p.k));
  const auto b = random.Normals(static_cast<size_t>(p.k * p.n));
  std::vector<float> c(static_cast<size_t>(p.m * p.n));
  int64_t bytes = 0;
  void* scratch = nullptr;
  Require(jg_gemm_scratch_bytes(context, JG_F32, p.m, p.n, p.k, &bytes));
  Require(jg_buffer_alloc(context, bytes, &scratch));
  std::vector<double> times;
  double total = 0;
  while (std::ssize(times) < kLeastRounds || total < kMilliseconds) {
    const auto start = std::chrono::steady_clock::now();
    Require(jg_gemm(stream, JG_F32, p.m, p.n, p.k, 1, p.transpose_a, a.data(),
                    p.transpose_a ? p.m : p.k, p.transpose_b, b.data(), p.transpose_b ? p.k : p.n,
                    0, c.data(), p.n, scratch, bytes));
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    times.push_back(time.count());
    total += time.count();
  }
  Require(jg_buffer_free(context, scratch));
  std::nth_element(times.begin(), times.begin() + std::ssize(times) / 2, times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 512;
  jg_context* context = nullptr;
  jg_stream* stream = nullptr;
  Require(jg_context_create(0, 0, JG_TIER_BEST, &context));
  Require(jg_stream_create(context, &stream));
  int32_t threads = 0;
  int32_t tier = 0;
  Require(jg_context_info(context, &threads, &tier));
  std::printf("tier %d, %d threads, %d rows\n", tier, threads, static_cast<int>(rows));
  double step = 0;
  double operations = 0;
  for (const Linear& layer : kLayers) {
    const Product products[] = {
        {"y = x w^T", rows, layer.outputs, layer.inputs, false, true},
        {"dx = dy w", rows, layer.inputs, layer.outputs, false, false},
        {"dw = dy^T x", layer.outputs, layer.inputs, rows, true, false},
    };
    for (const Product& p : products) {
      const double time = MedianMilliseconds(context, stream, p);
      const double flop = 2.0 * static_cast<double>(p.m * p.n) * static_cast<double>(p.k);
      std::printf("%-14s %-12s %6d x %6d x %6d  %9.3f ms  %6.1f GFLOP/s\n", layer.name, p.name,
                  static_cast<int>(p.m), static_cast<int>(p.n), static_cast<int>(p.k), time,
                  flop * 1e-6 / time);
      std::fflush(stdout);
      step += layer.per_step * time;
      operations += layer.per_step * flop;
    }
  }
  std::printf("all products of a step: %.1f ms, %.1f GFLOP/s\n", step, operations * 1e-6 / step);
  jg_stream_destroy(stream);
  jg_context_destroy(context);
  return 0;
}
