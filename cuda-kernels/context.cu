// Devices and contexts: why a GPU cannot be used is found out here, before anything else is tried.
//
// One GPU is used per process, the first that CUDA shows, so that no call has to choose a device.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "check.h"
#include "context.h"
#include "launch.cuh"

using jangle::CudaFail;
using jangle::Fail;
using jangle::Guard;

namespace {

constexpr int kLeastCapability = 80;  // bf16 mma and cp.async

// Errors of driver_types.h that a first kernel meets.
constexpr int kDevicesUnavailable = 46;
constexpr int kNoCode[] = {
    98,   // cudaErrorInvalidDeviceFunction
    200,  // cudaErrorInvalidKernelImage
    209,  // cudaErrorNoKernelImageForDevice
    221,  // cudaErrorJitCompilerNotFound
    222,  // cudaErrorUnsupportedPtxVersion
    223,  // cudaErrorJitCompilationDisabled
};

#ifdef JANGLE_CUDA_ARCHITECTURES
constexpr char kArchitectures[] = JANGLE_CUDA_ARCHITECTURES;
#else
constexpr char kArchitectures[] = "the CPU's emulation";
#endif

__global__ void __launch_bounds__(32) ProbeKernel() {}

int32_t DeviceCount(int32_t* count) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && devices > 0) {
    *count = devices;
    return JG_OK;
  }
  cudaGetLastError();
  int driver = 0;
  int runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) {
    return Fail(JG_UNAVAILABLE, "there is no NVIDIA driver; install one for CUDA %d or later",
                runtime / 1000);
  }
  // Any driver of the runtime's major version will do.
  if (driver / 1000 < runtime / 1000) {
    return Fail(JG_UNAVAILABLE,
                "the NVIDIA driver is too old: it is for CUDA %d.%d; this library needs one for "
                "CUDA %d or later",
                driver / 1000, driver % 1000 / 10, runtime / 1000);
  }
  if (error == cudaSuccess || error == cudaErrorNoDevice) {
    return Fail(JG_UNAVAILABLE,
                "there is an NVIDIA driver, but no GPU that it can use; CUDA_VISIBLE_DEVICES may "
                "hide it");
  }
  return Fail(JG_UNAVAILABLE, "the GPUs cannot be listed: %s (%s)", cudaGetErrorName(error),
              cudaGetErrorString(error));
}

int32_t CheckDevice(const char* call, int32_t device) {
  int32_t count = 0;
  if (int32_t status = DeviceCount(&count)) return status;
  JG_REQUIRE(device == 0,
             "%s: no device %d: the first GPU is used; choose it with CUDA_VISIBLE_DEVICES", call,
             device);
  return JG_OK;
}

// Compute capability * 10.
int32_t Capability(int32_t device, int32_t* capability) {
  int major = 0;
  int minor = 0;
  JG_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  JG_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  *capability = major * 10 + minor;
  return JG_OK;
}

// Why not even a first kernel runs.
int32_t NoKernelRuns(cudaError_t error, int32_t capability) {
  const char* name = cudaGetErrorName(error);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return Fail(JG_UNAVAILABLE,
                "the GPU's memory is taken by other processes, so that no kernel starts (%s); end "
                "one of them, or choose another GPU with CUDA_VISIBLE_DEVICES",
                name);
  }
  if (static_cast<int>(error) == kDevicesUnavailable) {
    cudaGetLastError();
    return Fail(JG_UNAVAILABLE,
                "the GPU is busy, or in use exclusively by another process (%s); wait for it, or "
                "choose another GPU with CUDA_VISIBLE_DEVICES",
                name);
  }
  if (std::find(std::begin(kNoCode), std::end(kNoCode), static_cast<int>(error)) !=
      std::end(kNoCode)) {
    cudaGetLastError();
    return Fail(JG_UNAVAILABLE,
                "no kernel runs on this GPU, of architecture sm_%d: %s (%s); this library was "
                "built for %s: build it with JANGLE_CUDA_ARCHITECTURES=%d",
                capability, name, cudaGetErrorString(error), kArchitectures, capability);
  }
  return CudaFail(error, "the first kernel");
}

// Makes the context's stream and tries a kernel on it, which also waits until the driver has loaded
// the code.
int32_t Start(jg_context* context) {
  if (context->tier < kLeastCapability) {
    return Fail(JG_UNAVAILABLE, "the GPU is of architecture sm_%d; the kernels need sm_%d or later",
                context->tier, kLeastCapability);
  }
  cudaError_t error = cudaStreamCreateWithFlags(&context->stream, cudaStreamNonBlocking);
  if (error != cudaSuccess) return NoKernelRuns(error, context->tier);
  error = jangle::Launch(ProbeKernel, dim3(1), dim3(32), 0, context->stream);
  if (error == cudaSuccess) error = cudaStreamSynchronize(context->stream);
  if (error == cudaSuccess) return JG_OK;
  cudaStreamDestroy(context->stream);
  return NoKernelRuns(error, context->tier);
}

}  // namespace

extern "C" {

int32_t jg_device_count(int32_t* count) {
  JG_REQUIRE(count != nullptr, "jg_device_count: count is null");
  return DeviceCount(count);
}

int32_t jg_device_name(int32_t device, char* name, int64_t capacity) {
  JG_REQUIRE(name != nullptr && capacity > 0, "jg_device_name: no room for the name");
  if (int32_t status = CheckDevice("jg_device_name", device)) return status;
  cudaDeviceProp properties;
  JG_CUDA(cudaGetDeviceProperties(&properties, device));
  std::snprintf(name, static_cast<size_t>(capacity), "%s (sm_%d%d)", properties.name,
                properties.major, properties.minor);
  return JG_OK;
}

int32_t jg_device_tier(int32_t device, int32_t* tier) {
  JG_REQUIRE(tier != nullptr, "jg_device_tier: tier is null");
  if (int32_t status = CheckDevice("jg_device_tier", device)) return status;
  return Capability(device, tier);
}

int32_t jg_device_cache_bytes(int32_t device, int64_t* cache_bytes) {
  JG_REQUIRE(cache_bytes != nullptr, "jg_device_cache_bytes: cache_bytes is null");
  if (int32_t status = CheckDevice("jg_device_cache_bytes", device)) return status;
  int bytes = 0;
  JG_CUDA(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device));
  *cache_bytes = bytes;
  return JG_OK;
}

int32_t jg_context_create(int32_t device, int32_t, int32_t, jg_context** context) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr, "jg_context_create: context is null");
    if (int32_t status = CheckDevice("jg_context_create", device)) return status;
    auto made = std::make_unique<jg_context>();
    made->device = device;
    if (int32_t status = Capability(device, &made->tier)) return status;
    JG_CUDA(cudaDeviceGetAttribute(&made->multiprocessors, cudaDevAttrMultiProcessorCount, device));
    if (int32_t status = Start(made.get())) return status;
    *context = made.release();
    return JG_OK;
  });
}

int32_t jg_context_destroy(jg_context* context) {
  if (context == nullptr) return JG_OK;
  const cudaError_t error = cudaStreamDestroy(context->stream);
  delete context;
  JG_CUDA(error);
  return JG_OK;
}

int32_t jg_context_info(jg_context* context, int32_t* threads, int32_t* tier) {
  JG_REQUIRE(context != nullptr && threads != nullptr && tier != nullptr,
             "jg_context_info: null argument");
  *threads = 1;
  *tier = context->tier;
  return JG_OK;
}

int32_t jg_memory_info(jg_context* context, int64_t* free_bytes, int64_t* total_bytes) {
  JG_REQUIRE(context != nullptr && free_bytes != nullptr && total_bytes != nullptr,
             "jg_memory_info: null argument");
  size_t free_now = 0;
  size_t total = 0;
  JG_CUDA(cudaMemGetInfo(&free_now, &total));
  *free_bytes = static_cast<int64_t>(free_now);
  *total_bytes = static_cast<int64_t>(total);
  return JG_OK;
}

}  // extern "C"
