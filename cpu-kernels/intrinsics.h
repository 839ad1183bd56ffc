// The intrinsics of the tier being compiled. With -DJG_SIMDE the AVX-512 intrinsics come from
// SIMDe, a header-only emulation, so that an AVX-512 tier's logic can be tested on a machine
// without it (compile that tier with -mavx2 -mfma -mf16c -Wno-psabi). The scalar tier includes
// neither.
#pragma once

// GCC 12's own headers are warned about when inlined (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)  // which does not know it
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#if defined(JG_SIMDE)
#include "intrinsics_simde.h"
#endif

#pragma GCC diagnostic pop
