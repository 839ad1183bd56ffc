// The pretended device's properties: an sm_90 with 132 multiprocessors. JANGLE_EMULATION_DEVICES
// sets how many there are (1), JANGLE_EMULATION_DRIVER the version of CUDA that the driver is for
// (the runtime's; 0: there is no driver), JANGLE_EMULATION_LAUNCH_ERROR the error that every launch
// ends with (0: none).

#include "device.h"

#include <cstdio>

#include "block.h"

namespace jangle::emulation {
namespace {

constexpr int kRuntimeVersion = 13000;
constexpr int kL2Bytes = 50 * 1024 * 1024;
constexpr int kSharedPerMultiprocessor = 228 * 1024;
constexpr int kRegisters = 65536;
constexpr int kThreadsPerMultiprocessor = 2048;

std::recursive_mutex& Mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

int DeviceCount() { return static_cast<int>(EnvironmentNumber("JANGLE_EMULATION_DEVICES", 1)); }

int DriverVersion() {
  return static_cast<int>(EnvironmentNumber("JANGLE_EMULATION_DRIVER", kRuntimeVersion));
}

// Whether there are devices at all. The minor version of an older driver does not matter.
cudaError_t CheckDriver() {
  if (DriverVersion() / 1000 < kRuntimeVersion / 1000) return cudaErrorInsufficientDriver;
  return DeviceCount() == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t CheckDevice(int device) {
  if (const cudaError_t error = CheckDriver()) return error;
  if (device < 0 || device >= DeviceCount()) return cudaErrorInvalidDevice;
  return cudaSuccess;
}

}  // namespace

DeviceLock::DeviceLock() : lock_(Mutex()) {}

}  // namespace jangle::emulation

using namespace jangle::emulation;

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return Return(cudaErrorInvalidValue);
  const cudaError_t error = CheckDriver();
  *count = error == cudaSuccess ? DeviceCount() : 0;
  return Return(error);
}

// All devices are the same one.
cudaError_t cudaSetDevice(int device) { return Return(CheckDevice(device)); }

cudaError_t cudaGetDevice(int* device) {
  if (device == nullptr) return Return(cudaErrorInvalidValue);
  *device = 0;
  return Return(CheckDevice(0));
}

cudaError_t cudaDriverGetVersion(int* version) {
  if (version == nullptr) return Return(cudaErrorInvalidValue);
  *version = DriverVersion();
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  if (version == nullptr) return Return(cudaErrorInvalidValue);
  *version = kRuntimeVersion;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (properties == nullptr) return Return(cudaErrorInvalidValue);
  if (const cudaError_t error = CheckDevice(device)) return Return(error);
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof p.name, "CUDA emulation");
  size_t free_bytes;
  if (const cudaError_t error = cudaMemGetInfo(&free_bytes, &p.totalGlobalMem)) return error;
  p.sharedMemPerBlock = kDefaultSharedBytes;
  p.regsPerBlock = kRegisters;
  p.warpSize = kWarp;
  p.maxThreadsPerBlock = kMaxThreads;
  p.maxThreadsDim[0] = kMaxThreads;
  p.maxThreadsDim[1] = kMaxThreads;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = 65535;
  p.maxGridSize[2] = 65535;
  p.major = 9;
  p.minor = 0;
  p.multiProcessorCount = kMultiprocessors;
  p.l2CacheSize = kL2Bytes;
  p.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  p.sharedMemPerMultiprocessor = kSharedPerMultiprocessor;
  p.regsPerMultiprocessor = kRegisters;
  p.sharedMemPerBlockOptin = kMaxSharedBytes;
  *properties = p;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (value == nullptr) return Return(cudaErrorInvalidValue);
  if (const cudaError_t error = CheckDevice(device)) return Return(error);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = kMaxThreads;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(kDefaultSharedBytes);
      return cudaSuccess;
    case cudaDevAttrWarpSize:
      *value = kWarp;
      return cudaSuccess;
    case cudaDevAttrMaxRegistersPerBlock:
      *value = kRegisters;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = kMultiprocessors;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = kL2Bytes;
      return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = kThreadsPerMultiprocessor;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = kSharedPerMultiprocessor;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(kMaxSharedBytes);
      return cudaSuccess;
  }
  return Return(cudaErrorInvalidValue);
}
