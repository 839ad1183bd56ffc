// Stands in for libcuda.so.1: two GPUs that only answer questions, once cuInit was called.
#include <stdio.h>
#include <string.h>

static int initialised = 0;

int cuInit(unsigned flags) {
  initialised = flags == 0;
  return 0;
}

int cuDriverGetVersion(int* version) {
  *version = 13010;
  return 0;
}

int cuDeviceGetCount(int* count) {
  *count = 2;
  return initialised ? 0 : 3;
}

int cuDeviceGet(int* device, int ordinal) {
  *device = 40 + ordinal;
  return ordinal < 2 ? 0 : 101;
}

int cuDeviceGetName(char* name, int size, int device) {
  snprintf(name, (size_t)size, "Stand-in %d", device);
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = (size_t)device << 32;
  return 0;
}

// 75 and 76: the compute capability.
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 75 ? device - 31 : device - 40;
  return attribute == 75 || attribute == 76 ? 0 : 1;
}
