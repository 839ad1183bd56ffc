#include "context.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>

#include "error.h"
#include "memory_limit.h"

using jangle::Fail;
using jangle::Guard;

namespace jangle {
namespace {

constexpr int kMostThreads = 256;

constexpr const char* kTierNames[] = {"scalar", "avx2", "avx512", "avx512bf16"};

int UsableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void FreeMemory(int64_t* free_bytes, int64_t* total_bytes) {
  *free_bytes = 0;
  *total_bytes = 0;
  // MemAvailable counts the page cache as free, which sysinfo() does not.
  if (std::FILE* file = std::fopen("/proc/meminfo", "r")) {
    char line[256];
    long long kib = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::sscanf(line, "MemTotal: %lld kB", &kib) == 1) *total_bytes = kib * 1024;
      if (std::sscanf(line, "MemAvailable: %lld kB", &kib) == 1) *free_bytes = kib * 1024;
    }
    std::fclose(file);
  }
  const MemoryLimit limit = LimitOfGroups();
  *free_bytes = std::min(*free_bytes, limit.free);
  *total_bytes = std::min(*total_bytes, limit.total);
}

// The system describes the cache that the first processor has a share in; sysconf() names all of
// the last level, where it can. Processors may lie at several such caches, and a virtual machine's
// may be made up, so the larger one counts.
int64_t LastLevelCacheBytes() {
  int64_t bytes = std::max<int64_t>(0, sysconf(_SC_LEVEL3_CACHE_SIZE));
  for (int index = 0; index < 8; index++) {
    char path[80];
    std::snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    if (std::FILE* file = std::fopen(path, "r")) {
      long long kib = 0;
      if (std::fscanf(file, "%lldK", &kib) == 1) bytes = std::max<int64_t>(bytes, kib * 1024);
      std::fclose(file);
    }
  }
  return bytes > 0 ? bytes : int64_t{32} << 20;
}

}  // namespace

int32_t BestTier() {
  __builtin_cpu_init();
  // GCC's probe reads CPUID and XGETBV: a register state that the system does not save counts as
  // absent.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  if (avx512 && __builtin_cpu_supports("avx512bf16")) return JG_TIER_AVX512BF16;
  if (avx512) return JG_TIER_AVX512;
  return avx2 ? JG_TIER_AVX2 : JG_TIER_SCALAR;
}

const Kernels* KernelsOfTier(int32_t tier) {
  switch (tier) {
    case JG_TIER_SCALAR:
      return &Kernels_scalar();
    case JG_TIER_AVX2:
      return &Kernels_avx2();
    case JG_TIER_AVX512:
      return &Kernels_avx512();
    case JG_TIER_AVX512BF16:
      return &Kernels_avx512bf16();
    default:
      return nullptr;
  }
}

}  // namespace jangle

extern "C" {

int32_t jg_device_count(int32_t* count) {
  JG_REQUIRE(count != nullptr, "jg_device_count: count is null");
  *count = 1;
  return JG_OK;
}

int32_t jg_device_name(int32_t device, char* name, int64_t capacity) {
  JG_REQUIRE(device == 0, "jg_device_name: no device %d: the CPU is device 0", device);
  JG_REQUIRE(name != nullptr && capacity > 0, "jg_device_name: no room for the name");
  char model[256] = "CPU";
  if (std::FILE* file = std::fopen("/proc/cpuinfo", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::strncmp(line, "model name", 10) != 0) continue;
      if (const char* colon = std::strchr(line, ':')) {
        std::snprintf(model, sizeof model, "%s", colon + 2);
        model[std::strcspn(model, "\n")] = '\0';
      }
      break;
    }
    std::fclose(file);
  }
  std::snprintf(name, static_cast<size_t>(capacity), "%s", model);
  return JG_OK;
}

int32_t jg_device_tier(int32_t device, int32_t* tier) {
  JG_REQUIRE(device == 0, "jg_device_tier: no device %d: the CPU is device 0", device);
  JG_REQUIRE(tier != nullptr, "jg_device_tier: tier is null");
  *tier = jangle::BestTier();
  return JG_OK;
}

int32_t jg_device_cache_bytes(int32_t device, int64_t* cache_bytes) {
  JG_REQUIRE(device == 0, "jg_device_cache_bytes: no device %d: the CPU is device 0", device);
  JG_REQUIRE(cache_bytes != nullptr, "jg_device_cache_bytes: cache_bytes is null");
  *cache_bytes = jangle::LastLevelCacheBytes();
  return JG_OK;
}

int32_t jg_context_create(int32_t device, int32_t threads, int32_t tier, jg_context** context) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr, "jg_context_create: context is null");
    JG_REQUIRE(device == 0, "jg_context_create: no device %d: the CPU is device 0", device);
    JG_REQUIRE(threads >= 0 && threads <= jangle::kMostThreads,
               "jg_context_create: %d threads; expected 0 (one per processor) to %d", threads,
               jangle::kMostThreads);
    JG_REQUIRE(tier >= JG_TIER_BEST && tier <= JG_TIER_AVX512BF16,
               "jg_context_create: no tier %d; expected %d (best) to %d", tier, JG_TIER_BEST,
               JG_TIER_AVX512BF16);
    const int32_t best = jangle::BestTier();
    if (tier > best) {
      return Fail(JG_UNSUPPORTED, "this processor has no tier %s; its best is %s",
                  jangle::kTierNames[tier], jangle::kTierNames[best]);
    }
    const int32_t chosen = tier == JG_TIER_BEST ? best : tier;
    const int count =
        threads == 0 ? std::min(jangle::UsableProcessors(), jangle::kMostThreads) : threads;
    try {
      *context = new jg_context(count, chosen, *jangle::KernelsOfTier(chosen));
    } catch (const std::system_error& e) {
      return Fail(JG_OUT_OF_MEMORY, "cannot start %d worker threads: %s; ask for fewer", count,
                  e.what());
    }
    return JG_OK;
  });
}

int32_t jg_context_destroy(jg_context* context) {
  return Guard([&] {
    delete context;
    return JG_OK;
  });
}

int32_t jg_context_info(jg_context* context, int32_t* threads, int32_t* tier) {
  JG_REQUIRE(context != nullptr && threads != nullptr && tier != nullptr,
             "jg_context_info: null argument");
  *threads = context->pool.threads();
  *tier = context->tier;
  return JG_OK;
}

int32_t jg_memory_info(jg_context* context, int64_t* free_bytes, int64_t* total_bytes) {
  JG_REQUIRE(context != nullptr && free_bytes != nullptr && total_bytes != nullptr,
             "jg_memory_info: null argument");
  return Guard([&] {
    jangle::FreeMemory(free_bytes, total_bytes);
    return JG_OK;
  });
}

}  // extern "C"
