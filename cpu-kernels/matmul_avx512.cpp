#include "matmul_avx2.cpp"
#include "pack8_impl.h"
