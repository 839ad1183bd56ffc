"""jg_gemm against torch.matmul (F32, the same number of threads) for the products of a training
step of SmolLM2-135M, in turns, so that a slow moment of the machine falls on both.

  python3 tests/peers/gemm.py LIBRARY [rows] [threads]

LIBRARY is libjangle_cpu.so. Prints median milliseconds of both, GFLOP/s of ours and the ratio
(above 1: ours is faster), and the sum over a step. Needs PyTorch.
"""

import ctypes
import statistics
import sys
import time

import torch

F32 = 0  # JG_F32
HIDDEN, INNER, QUERIES, KV, VOCABULARY, LAYERS = 576, 1536, 576, 192, 49152, 30
# Linear layers: name, inputs, outputs, how many of them a step has.
LINEAR = [
    ("q, o", HIDDEN, QUERIES, 2 * LAYERS),
    ("k, v", HIDDEN, KV, 2 * LAYERS),
    ("gate, up", HIDDEN, INNER, 2 * LAYERS),
    ("down", INNER, HIDDEN, LAYERS),
    ("output", HIDDEN, VOCABULARY, 1),
    ("lora a", HIDDEN, 16, 0),
    ("lora b", 16, HIDDEN, 0),
]


class Library:
    def __init__(self, path, threads):
        self.lib = ctypes.CDLL(path)
        self.lib.jg_last_error.restype = ctypes.c_char_p
        self.context = ctypes.c_void_p()
        self.stream = ctypes.c_void_p()
        self.check(self.lib.jg_context_create(0, threads, -1, ctypes.byref(self.context)))
        self.check(self.lib.jg_stream_create(self.context, ctypes.byref(self.stream)))
        self.scratch = torch.empty(0)

    def check(self, status):
        if status:
            raise RuntimeError(self.lib.jg_last_error().decode())

    def prepare(self, m, n, k):
        size = ctypes.c_int64()
        i64 = ctypes.c_int64
        self.check(
            self.lib.jg_gemm_scratch_bytes(self.context, F32, i64(m), i64(n), i64(k), ctypes.byref(size))
        )
        if self.scratch.numel() * 4 < size.value + 64:
            self.scratch = torch.empty(size.value // 4 + 16)

    def gemm(self, m, n, k, transpose_a, a, transpose_b, b, c):
        i64, pointer = ctypes.c_int64, ctypes.c_void_p
        address = (self.scratch.data_ptr() + 63) // 64 * 64
        self.check(
            self.lib.jg_gemm(
                self.stream, F32, i64(m), i64(n), i64(k), ctypes.c_float(1), transpose_a,
                pointer(a.data_ptr()), i64(a.stride(0)), transpose_b, pointer(b.data_ptr()),
                i64(b.stride(0)), 0, pointer(c.data_ptr()), i64(n), pointer(address),
                i64(self.scratch.numel() * 4 - 64),
            )
        )  # fmt: skip


def measure(ours, theirs):
    times = ([], [])
    start = time.perf_counter()
    while len(times[0]) < 5 or (time.perf_counter() - start < 1.5 and len(times[0]) < 200):
        for which, product in enumerate((ours, theirs)):
            begin = time.perf_counter()
            product()
            times[which].append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


def main():
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 512
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    torch.set_num_threads(threads)
    library = Library(sys.argv[1], threads)
    total = [0.0, 0.0]
    for name, inputs, outputs, count in LINEAR:
        x, w, y = (torch.randn(*s) for s in ((rows, inputs), (outputs, inputs), (rows, outputs)))
        forms = [
            ("y  = x w^T ", rows, outputs, inputs, 0, x, 1, w, lambda out, x=x, w=w: torch.matmul(x, w.T, out=out)),
            ("dx = dy w  ", rows, inputs, outputs, 0, y, 0, w, lambda out, y=y, w=w: torch.matmul(y, w, out=out)),
            ("dw = dy^T x", outputs, inputs, rows, 1, y, 0, x, lambda out, y=y, x=x: torch.matmul(y.T, x, out=out)),
        ]  # fmt: skip
        for form, m, n, k, ta, a, tb, b, theirs in forms:
            library.prepare(m, n, k)
            c, want = torch.empty(m, n), torch.empty(m, n)
            library.gemm(m, n, k, ta, a, tb, b, c)
            theirs(want)
            worst = ((c - want).abs().max() / want.abs().max()).item()
            assert worst < 1e-5, (name, form, worst)
            mine, torchs = measure(
                lambda: library.gemm(m, n, k, ta, a, tb, b, c), lambda: theirs(want)
            )
            total[0] += count * mine
            total[1] += count * torchs
            print(
                f"{name:9} {form} {m:6} x {n:6} x {k:6}  ours {mine * 1e3:8.3f} ms "
                f"{2e-9 * m * n * k / mine:6.1f} GFLOP/s  torch {torchs * 1e3:8.3f} ms  "
                f"ratio {torchs / mine:.2f}",
                flush=True,
            )
    print(f"all products of a step: ours {total[0]:.3f} s, torch {total[1]:.3f} s, ratio {total[1] / total[0]:.2f}")


main()
