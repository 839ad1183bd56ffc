"""A model, not a measurement, of the time of one decoding step on an H100: one launch of a CUDA graph,
whose kernels follow each other. cuda-kernels/MODEL.md has the formulae in words, and the sources.

The sequence of kernels is that of Transformer.forward and StepRunner.after (java/core); how each cuts its
work is that of matmul_plan.cuh, weight_layout.cuh, attention_f16.cu and attention_plan.cuh, which this
file must be kept in step with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cycles import BYTES_PER_CYCLE, Loops, attention_use, matmul_use

MULTIPROCESSORS = 132
CYCLES_PER_US = 1755
LAUNCH_US = 1.3
# Cycles until the first bytes come, and bytes per cycle of the second-level cache: of one multiprocessor
# at most, and of all together by each.
MEMORY_WAIT = 400
L2_WAIT = 200
L2_OF_ONE = 64
L2_OF_ALL = 8986e9 / MULTIPROCESSORS / (CYCLES_PER_US * 1e6)

CHUNK = 64  # keys
WARPS = 4  # of a block, of products and of attention

STEP_K = {"Bf16": 32, "F16": 16, "F32": 16, "Q8_0": 64, "Q4_0": 64, "Q4_1": 64}
# A group of 8 tokens: a fragment, and the scales of blocks.
GROUP_BYTES = {"Bf16": 512, "F16": 512, "F32": 512, "Q8_0": 576, "Q4_0": 576, "Q4_1": 640}

FORMATS = ("Bf16", "Q8_0", "Q4_0")


@dataclass(frozen=True)
class Model:
    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocab: int


MODELS = (
    Model("SmolLM2-135M", 30, 576, 9, 3, 64, 1536, 49152),
    Model("Llama-3.2-1B", 16, 2048, 32, 8, 64, 8192, 128256),
    Model("Llama-3.1-8B", 32, 4096, 32, 8, 128, 14336, 128256),
)


@dataclass
class Node:
    """A node of the graph, in cycles of the clock."""

    wait: float = 0  # for memory or for other blocks, one after the other
    weight_bytes: float = 0  # from the device's memory
    cache_bytes: float = 0  # likewise: keys and values
    busy: float = 0  # of the busiest multiprocessor, whatever the device's memory takes

    @property
    def memory(self) -> float:
        return (self.weight_bytes + self.cache_bytes) / (BYTES_PER_CYCLE * MULTIPROCESSORS)

    @property
    def beyond(self) -> float:
        """What the busiest multiprocessor takes longer than the bytes."""
        return max(0.0, self.busy - self.memory)


def _passing(loops: Loops, kernel: str, blocks: int, iterations: float) -> float:
    """Cycles that the busiest multiprocessor takes for its share of blocks, each of whose warps goes so
    often through the kernel's inner loop: by its schedulers and units, and by the schedule of one warp,
    stalls included, for as often as one set of resident blocks follows another."""
    most = math.ceil(blocks / MULTIPROCESSORS)
    rounds = math.ceil(most / loops.resident(kernel))
    return iterations * max(most * WARPS * loops.cycles(kernel), rounds * loops.stalls(kernel))


def product(loops: Loops, dtype: str, n: int, k: int, rows: int) -> Node:
    tiles_of_n = math.ceil(n / 16)
    tiles = 1 if tiles_of_n < 256 else 2 if tiles_of_n < 1024 else 4
    strips = math.ceil(tiles_of_n / tiles)
    steps = math.ceil(k / STEP_K[dtype])
    splits = 1
    if strips < 64:
        splits = min(max(min(math.ceil(128 / strips), steps // (16 * WARPS)), 1), 8)
    use = matmul_use(dtype, tiles, rows)
    groups = int(use.kernel.rsplit(", ", 1)[1].rstrip(">"))
    blocks = strips * use.blocks * splits
    record = use.bytes + groups * GROUP_BYTES[dtype]
    of_block = steps / splits * record
    busy = max(
        _passing(loops, use.kernel, blocks, steps / splits / WARPS),
        math.ceil(blocks / MULTIPROCESSORS) * of_block / L2_OF_ONE,
        blocks * of_block / (MULTIPROCESSORS * L2_OF_ALL),
    )
    # With splits: the partial sums, the counter, the sums of the others.
    wait = MEMORY_WAIT + (3 * L2_WAIT if splits > 1 else 0)
    return Node(wait, weight_bytes=strips * steps * use.bytes, busy=busy)


def _ranges(chunks: int) -> int:
    short = 16
    return math.ceil(chunks / 2) if chunks <= 2 * short else short + math.ceil((chunks - 2 * short) / 8)


def prefix(loops: Loops, model: Model, rows: int, chunks: int) -> Node:
    use = attention_use(model.head_dim, model.heads // model.kv_heads, rows)
    # Of each key head: use.blocks read each of its chunks.
    longest = min(8 if chunks > 32 else 2, chunks)
    most = max(math.ceil(chunks * model.kv_heads * use.blocks / MULTIPROCESSORS), longest)
    busy = max(most * WARPS * loops.cycles(use.kernel), longest * loops.stalls(use.kernel))
    # The rows, the number of a page, the keys.
    return Node(2 * L2_WAIT + MEMORY_WAIT, cache_bytes=chunks * model.kv_heads * use.bytes, busy=busy)


def tail(loops: Loops, model: Model, rows: int, chunks: int) -> Node:
    """With the chunk in which the row lies."""
    kernel = f"AttentionTailKernel<{model.head_dim}>"
    blocks = rows * model.kv_heads * math.ceil(model.heads // model.kv_heads / 8)
    # The rows, the slots, the keys; and the ranges, four at a time.
    wait = 2 * L2_WAIT + MEMORY_WAIT + math.ceil(_ranges(chunks) / 4) * L2_WAIT
    bytes_ = model.kv_heads * 4 * CHUNK * model.head_dim
    return Node(wait, cache_bytes=bytes_, busy=_passing(loops, kernel, blocks, 1))


def graph(loops: Loops, model: Model, dtype: str, rows: int, context: int) -> Iterator[Node]:
    """The nodes of a greedy step, in their order. Activations come from the second-level cache."""
    heads, kv_heads, dim = model.heads, model.kv_heads, model.head_dim
    chunks = context // CHUNK
    yield Node(L2_WAIT + MEMORY_WAIT)  # embedding: the token, its row
    for _ in range(model.layers):
        yield Node(2 * L2_WAIT)  # normalised, prepared: the row, and the row again
        yield product(loops, dtype, (heads + 2 * kv_heads) * dim, model.hidden, rows)
        yield Node(2 * L2_WAIT)  # rotation, cache: the position, the row
        yield prefix(loops, model, rows, chunks)
        yield tail(loops, model, rows, chunks)
        yield Node(L2_WAIT)  # prepared
        yield product(loops, dtype, model.hidden, heads * dim, rows)
        yield Node(2 * L2_WAIT)  # normalised, prepared
        yield product(loops, dtype, 2 * model.inner, model.hidden, rows)
        yield Node(L2_WAIT)  # gated, prepared
        yield product(loops, dtype, model.hidden, model.inner, rows)
    yield Node(2 * L2_WAIT)
    yield product(loops, dtype, model.vocab, model.hidden, rows)
    yield Node(L2_WAIT, busy=4 * model.vocab / L2_OF_ONE)  # argmax: a multiprocessor reads a row
    yield Node(3 * L2_WAIT)  # the walk along the choices, and the moves: rows, choices, pages
    yield Node()  # the choices, to the host


class Step:
    def __init__(self, loops: Loops, model: Model, dtype: str, rows: int, context: int):
        self._nodes = list(graph(loops, model, dtype, rows, context))

    @property
    def kernels(self) -> int:
        return len(self._nodes) - 1  # the last is a copy

    @property
    def microseconds(self) -> float:
        return sum(self.parts())

    def parts(self) -> tuple[float, ...]:
        """Launches, waits, weights' bytes, keys' and values' bytes, beyond the bytes: in us."""
        cycle = 1 / CYCLES_PER_US
        per_cycle = BYTES_PER_CYCLE * MULTIPROCESSORS
        return (
            LAUNCH_US * len(self._nodes),
            cycle * sum(node.wait for node in self._nodes),
            cycle * sum(node.weight_bytes for node in self._nodes) / per_cycle,
            cycle * sum(node.cache_bytes for node in self._nodes) / per_cycle,
            cycle * sum(node.beyond for node in self._nodes),
        )
