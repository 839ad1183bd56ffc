// JG_UNROLL before a loop of constant length: arrays that its index addresses stay in registers.
// JG_NO_UNROLL before a loop whose body fills the registers.
#pragma once

#ifdef JANGLE_EMULATION
#define JG_UNROLL
#define JG_NO_UNROLL
#else
#define JG_UNROLL _Pragma("unroll")
#define JG_NO_UNROLL _Pragma("unroll 1")
#endif
