// Micro-benchmark of the CPU operations, one thread: minimum and median microseconds per call over
// many short repetitions. Arguments: a tier's name, to run that one only.
//
// Attention has SmolLM2-135M's shape (9 heads, 3 K/V heads of 64), one layer, a tree of M rows
// below the committed context; the layers of a ring take turns, so that the cache comes from memory
// as in a forward pass.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>

#include "jangle.h"
#include "random.h"
#include "test_batch.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

void Time(const char* what, const std::function<void(int)>& call) {
  std::vector<double> times;
  double total = 0;
  for (int i = 0; i < 3; i++) call(i);
  for (int i = 0; i < 4000 && (total < 2e5 || i < 20); i++) {
    const auto start = std::chrono::steady_clock::now();
    call(i);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    times.push_back(time.count());
    total += time.count();
  }
  std::sort(times.begin(), times.end());
  std::printf("  %-52s %9.1f %9.1f\n", what, times[0], times[times.size() / 2]);
  std::fflush(stdout);
}

void BenchAttention(const Kernels& kernels, int32_t dtype) {
  const int64_t heads = 9, kv_heads = 3, dim = 64;
  const int layers = 30;
  Random random(1);
  for (int32_t context : {128, 512, 2048}) {
    for (int32_t rows : {1, 4, 8, 16}) {
      const int32_t slots = context + rows;
      const auto pages = ShuffledPages(random, slots, 0, slots / kPage + 1);
      const auto layer_elements =
          static_cast<size_t>((slots / kPage + 1) * 2 * kPage * kv_heads * dim);
      std::vector<std::vector<float>> caches;
      for (int i = 0; i < layers; i++) {
        caches.emplace_back(layer_elements);
        for (float& x : caches.back()) {
          if (dtype == JG_F32) {
            x = static_cast<float>(random.Uniform()) - 0.5f;
          } else {  // two halves in [1, 2)
            const auto bits = static_cast<uint32_t>(random.Next()) & 0x03ff03ffu;
            const uint32_t both = bits | 0x3c003c00u;
            std::memcpy(&x, &both, sizeof x);
          }
        }
      }
      const TestBatch batch({{context, RandomParents(random, rows), pages}}, true);
      const auto q = random.Normals(static_cast<size_t>(rows * heads * dim));
      std::vector<float> out(q.size());
      char what[100];
      std::snprintf(what, sizeof what, "attention %s, context %d, M = %d",
                    dtype == JG_F32 ? "F32" : "F16", context, rows);
      Time(what, [&](int i) {
        const AttentionArgs args = {&batch.view(),
                                    dtype,
                                    heads,
                                    kv_heads,
                                    dim,
                                    0.125f,
                                    caches[static_cast<size_t>(i % layers)].data(),
                                    q.data(),
                                    heads * dim,
                                    out.data(),
                                    heads * dim,
                                    nullptr};
        kernels.attention(args, 0, rows * kv_heads);
      });
    }
  }
}

void BenchRows(const Kernels& kernels) {
  Random random(2);
  char what[100];
  for (int64_t n : {49152, 151936}) {
    // Sixteen rows take turns.
    const auto logits = random.Normals(static_cast<size_t>(16 * n), 2.5f);
    const auto row = [&](int i) { return logits.data() + i % 16 * n; };
    int32_t ids[64];
    float values[64];
    std::snprintf(what, sizeof what, "argmax, %lld logits", static_cast<long long>(n));
    Time(what, [&](int i) { kernels.argmax({1, n, row(i), n, ids}, 0, 1); });
    for (int64_t k : {10, 64}) {
      std::snprintf(what, sizeof what, "topk(%d), %lld logits", static_cast<int>(k),
                    static_cast<long long>(n));
      Time(what, [&](int i) { kernels.topk({1, n, k, row(i), n, ids, values}, 0, 1); });
    }
    struct Filters {
      const char* name;
      float temperature;
      int32_t top_k;
      float top_p, min_p;
    };
    for (const Filters& f :
         {Filters{"no filter", 1, 0, 1, 0}, Filters{"T 0.7", 0.7f, 0, 1, 0},
          Filters{"top_k 40", 1, 40, 1, 0}, Filters{"top_k 200", 1, 200, 1, 0},
          Filters{"top_p 0.9", 1, 0, 0.9f, 0}, Filters{"min_p 0.05", 1, 0, 1, 0.05f},
          Filters{"top_k 40, top_p 0.9", 1, 40, 0.9f, 0}}) {
      const int32_t sequence = 0;
      const int32_t position = 5;
      Sampling sampling = {};
      sampling.temperature = f.temperature;
      sampling.top_k = f.top_k;
      sampling.top_p = f.top_p;
      sampling.min_p = f.min_p;
      BatchView view;
      view.rows = 1;
      view.sequence = &sequence;
      view.position = &position;
      view.sampling = &sampling;
      std::snprintf(what, sizeof what, "sample, %s, %lld logits", f.name,
                    static_cast<long long>(n));
      Time(what, [&](int i) {
        sampling.seed_low = static_cast<uint32_t>(i);
        kernels.sample({&view, 0, 1, n, row(i), n, ids, nullptr}, 0, 1);
      });
    }
  }
  for (int64_t rows : {1, 16}) {
    const auto x = random.Normals(static_cast<size_t>(rows * 3072));
    std::vector<float> y(x.size());
    std::snprintf(what, sizeof what, "rmsnorm, 576 elements, %d rows", static_cast<int>(rows));
    Time(what, [&](int) {
      kernels.rmsnorm({rows, 1, 576, x.data(), 576, x.data(), 1e-5f, y.data(), 576}, 0, rows);
    });
    std::snprintf(what, sizeof what, "swiglu, 1536 elements, %d rows", static_cast<int>(rows));
    Time(what, [&](int) {
      kernels.swiglu({rows, 1536, x.data(), x.data() + 1536, 3072, y.data(), 1536}, 0, rows);
    });
    std::snprintf(what, sizeof what, "residual, 576 elements, %d rows", static_cast<int>(rows));
    Time(what, [&](int) { kernels.residual({rows, 576, x.data(), 576, y.data(), 576}, 0, rows); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const Tier& tier : Tiers()) {
    if (argc > 1 && std::strcmp(argv[1], tier.name) != 0) continue;
    std::printf("tier %-58s min us    median\n", tier.name);
    BenchAttention(*tier.kernels, JG_F32);
    BenchAttention(*tier.kernels, JG_F16);
    BenchRows(*tier.kernels);
  }
  return 0;
}
