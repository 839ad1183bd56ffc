// The kernels of jg_gemm, in the order in which they run: lines into scratch, one of the products,
// and the sum of the parts where there are several. See gemm_plan.cuh.
#pragma once

#include "context.h"
#include "gemm_plan.cuh"

namespace jangle {

int32_t GemmPack(jg_stream* stream, const GemmPlan& plan, const GemmArgs& args);
int32_t GemmBf16(jg_stream* stream, const GemmPlan& plan);
int32_t GemmF32(jg_stream* stream, const GemmPlan& plan);
int32_t GemmSum(jg_stream* stream, const GemmPlan& plan);

}  // namespace jangle
