// Stands in for the CUDA toolkit's cuda_runtime.h when g++ compiles the kernels for the CPU: the
// part of the language, of the built-in functions and of the runtime API that Jangle uses, under
// the same names. What is not declared here (static __shared__ variables, __constant__, float
// atomics, printf, <<<>>>) does not compile, on purpose.
#pragma once

#include "emulation/intrinsics.h"
#include "emulation/language.h"
#include "emulation/runtime_api.h"
