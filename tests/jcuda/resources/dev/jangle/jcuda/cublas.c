// Stands in for libcublas.so.12 where device memory is the host's: the product as cuBLAS documents
// it, for C = op(A) op(B) with op(A) = A^T, op(B) = B, alpha = 1, beta = 0, column-major.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { kSuccess = 0, kNotInitialized = 1, kInvalidValue = 7, kNotSupported = 15 };
enum { kF32 = 0, kF16 = 2, kBf16 = 14, kCompute32F = 68, kTranspose = 1, kDefault = -1 };

typedef struct {
  void* stream;
  void* workspace;
  size_t workspace_bytes;
} Handle;

int cublasCreate_v2(Handle** handle) {
  *handle = calloc(1, sizeof **handle);
  return kSuccess;
}

int cublasDestroy_v2(Handle* handle) {
  free(handle);
  return kSuccess;
}

int cublasGetVersion_v2(Handle* handle, int* version) {
  *version = 120604;
  return handle == NULL ? kNotInitialized : kSuccess;
}

int cublasSetStream_v2(Handle* handle, void* stream) {
  handle->stream = stream;
  return kSuccess;
}

int cublasSetWorkspace_v2(Handle* handle, void* workspace, size_t bytes) {
  handle->workspace = workspace;
  handle->workspace_bytes = bytes;
  return kSuccess;
}

static float OfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Of F16 only what is a normal number or 0.
static float At(const void* matrix, int type, int64_t at) {
  if (type == kF32) return ((const float*)matrix)[at];
  const uint32_t bits = ((const uint16_t*)matrix)[at];
  if (type == kBf16) return OfBits(bits << 16);
  const uint32_t rest = bits & 0x7fff;
  return rest == 0 ? 0 : OfBits((bits & 0x8000) << 16 | ((rest << 13) + (112u << 23)));
}

int cublasGemmEx(Handle* handle, int transa, int transb, int m, int n, int k, const float* alpha,
                 const void* a, int atype, int lda, const void* b, int btype, int ldb,
                 const float* beta, void* c, int ctype, int ldc, int compute, int algorithm) {
  if (handle->stream == NULL || handle->workspace_bytes == 0) return kNotInitialized;
  if (transa != kTranspose || transb != 0 || *alpha != 1 || *beta != 0) return kInvalidValue;
  if (ctype != kF32 || compute != kCompute32F || algorithm != kDefault) return kNotSupported;
  for (int64_t row = 0; row < m; row++) {
    for (int64_t column = 0; column < n; column++) {
      float sum = 0;
      for (int64_t i = 0; i < k; i++) {
        sum += At(a, atype, row * lda + i) * At(b, btype, column * ldb + i);
      }
      ((float*)c)[column * ldc + row] = sum;
    }
  }
  return kSuccess;
}
