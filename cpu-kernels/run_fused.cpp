// The fused operations on the CPU: the kernels of the operations that they stand for, one after the
// other over the same rows, so that threads meet less often and a row stays in the cache.
#include "run.h"
#include "submit.h"

namespace jangle {
namespace {

int64_t ProductScratchBytes(const jg_context* context, int32_t dtype, int64_t n, int64_t k,
                            int64_t rows) {
  return (context->kernels.matmul_scratch_bytes(dtype, n, k, rows) + 63) / 64 * 64;
}

// Where the rows that a product reads are made: scratch, behind that of the product itself.
float* MadeRows(jg_stream* stream, const MatmulArgs& product) {
  return reinterpret_cast<float*>(
      static_cast<char*>(product.scratch) +
      ProductScratchBytes(stream->context, product.dtype, product.n, product.k, product.rows));
}

// A product of rows that `make` writes to product.x.
template <typename Args>
int32_t SubmitProduct(jg_stream* stream, const Args& args,
                      void (*Kernels::*make)(const Args&, int64_t, int64_t),
                      const MatmulArgs& product) {
  const Kernels& kernels = stream->context->kernels;
  const bool prepares =
      kernels.matmul_scratch_bytes(product.dtype, product.n, product.k, product.rows) > 0;
  stream->Submit([=, context = stream->context] {
    context->pool.Run(product.rows, MinItems(product.k), [&](int64_t begin, int64_t end) {
      (context->kernels.*make)(args, begin, end);
      if (prepares) context->kernels.matmul_prepare(product, begin, end);
    });
  });
  return Submit(stream, product, kernels.matmul_tiles(product.dtype, product.n, product.k), 1,
                &Kernels::matmul);
}

}  // namespace

int64_t FusedMatmulScratchBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                int64_t rows) {
  return ProductScratchBytes(context, dtype, n, k, rows) +
         rows * k * static_cast<int64_t>(sizeof(float));
}

int32_t RunRmsnormMatmul(jg_stream* stream, const RmsnormMatmulArgs& args) {
  MatmulArgs product = args.product;
  float* made = MadeRows(stream, product);
  const RmsnormArgs norm = {product.rows, 1,        product.k, product.x, product.ldx,
                            args.weight,  args.eps, made,      product.k};
  product.x = made;
  product.ldx = product.k;
  return SubmitProduct(stream, norm, &Kernels::rmsnorm, product);
}

int32_t RunSwigluMatmul(jg_stream* stream, const SwigluMatmulArgs& args) {
  MatmulArgs product = args.product;
  float* made = MadeRows(stream, product);
  const SwigluArgs gated = {product.rows, product.k, product.x, args.up,
                            product.ldx,  made,      product.k};
  product.x = made;
  product.ldx = product.k;
  return SubmitProduct(stream, gated, &Kernels::swiglu, product);
}

int32_t RunRopeAppend(jg_stream* stream, const RopeAppendArgs& args) {
  const KvAppendArgs& append = args.append;
  const int64_t elements = (args.queries.heads + 2 * append.kv_heads) * append.head_dim;
  return stream->Submit([=, context = stream->context] {
    context->pool.Run(args.append.batch->rows, MinItems(elements), [&](int64_t begin, int64_t end) {
      context->kernels.rope(args.queries, begin, end);
      context->kernels.rope(args.keys, begin, end);
      context->kernels.kv_append(args.append, begin, end);
    });
  });
}

}  // namespace jangle
