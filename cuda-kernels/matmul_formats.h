// The parts of a matrix product. First the activations are prepared (matmul_prepare.cuh), then
// multiplied, by the product of the weights' format, one file each (matmul_kernel.cuh).
#pragma once

#include "args.h"
#include "context.h"
#include "matmul_plan.cuh"

namespace jangle {

// The cut of a product, and its data.
MatmulPlan MatmulPlanOf(const MatmulArgs& args);
// The product of activations that have been prepared.
int32_t MatmulProduct(jg_stream* stream, int32_t dtype, const MatmulPlan& plan);

int32_t MatmulPrepare(jg_stream* stream, int32_t dtype, const MatmulPlan& plan);

int32_t MatmulF32(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulF16(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulBf16(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulQ8_0(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulQ4_0(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulQ4_1(jg_stream* stream, const MatmulPlan& plan);

}  // namespace jangle
