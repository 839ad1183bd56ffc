// The product of each format, one file each; see matmul_kernel.cuh. The activations have been
// prepared (matmul_prepare.cu).
#pragma once

#include "context.h"
#include "matmul_plan.cuh"

namespace jangle {

int32_t MatmulPrepare(jg_stream* stream, int32_t dtype, const MatmulPlan& plan);

int32_t MatmulF32(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulF16(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulBf16(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulQ8_0(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulQ4_0(jg_stream* stream, const MatmulPlan& plan);
int32_t MatmulQ4_1(jg_stream* stream, const MatmulPlan& plan);

}  // namespace jangle
