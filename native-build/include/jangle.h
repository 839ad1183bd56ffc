/*
 * jangle.h: the one C ABI of Jangle. libjangle_cpu.so, libjangle_cuda.so and libjangle_cudasim.so
 * each implement all of it; a backend is a library.
 *
 * Rules
 * - Scalars and pointers only: no struct by value, no C enum in a signature. Handles are opaque.
 * - Every function returns a status (JG_OK = 0). The reason of a failure is the text of
 *   jg_last_error(), kept per thread until the thread's next failing call. Nothing throws, exits
 *   or aborts across this boundary.
 * - Sizes and leading dimensions are int64_t, in elements unless the name ends in `_bytes`.
 *   `ld*` is the distance in elements between two rows.
 * - "Device" memory is what jg_buffer_alloc returns; on the CPU it is ordinary memory. Compute
 *   calls take device pointers unless a comment says host.
 * - Scratch begins at a multiple of 64 bytes, a packed weight at one of 16, as what jg_buffer_alloc
 *   returns does.
 * - A compute call takes a stream, allocates nothing, and runs in stream order. On the CPU it has
 *   finished when it returns; on a GPU when the stream is synchronised. Between jg_graph_begin and
 *   jg_graph_end it is recorded instead of run.
 * - Identical bits: what a row gets depends on that row alone (and on the keys that it may see),
 *   never on how many rows are in flight, nor on the number of threads.
 *
 * Threads: one stream, batch or graph belongs to one thread at a time. Contexts and packed weights
 * may be shared.
 */
#ifndef JANGLE_H_
#define JANGLE_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JG_API __attribute__((visibility("default")))

#define JG_ABI_VERSION 1

/* Status codes. */
#define JG_OK 0
#define JG_INVALID_ARGUMENT 1
#define JG_OUT_OF_MEMORY 2
#define JG_UNSUPPORTED 3
#define JG_UNAVAILABLE 4 /* no device or no driver */
#define JG_DEVICE_LOST 5 /* a sticky device error: the context is dead */
#define JG_INTERNAL 6

/* Weight and cache formats. Blocks of 32 elements as in GGUF: Q8_0 = f16 scale, 32 x int8; Q4_0 =
   f16 scale, 16 bytes; Q4_1 = f16 scale, f16 minimum, 16 bytes. */
#define JG_F32 0
#define JG_F16 1
#define JG_BF16 2
#define JG_Q8_0 3
#define JG_Q4_0 4
#define JG_Q4_1 5

/* Instruction-set tiers of the CPU library, each includes the ones before it. */
#define JG_TIER_SCALAR 0
#define JG_TIER_AVX2 1       /* AVX2, FMA, F16C */
#define JG_TIER_AVX512 2     /* F, BW, DQ, VL, VNNI */
#define JG_TIER_AVX512BF16 3 /* and BF16 */
#define JG_TIER_BEST (-1)

/* Positions in one page of the KV cache, and keys in one chunk of the attention. */
#define JG_PAGE 64
/* Rows that one sequence may have in a batch when they form a tree. A chain has no such limit. */
#define JG_MAX_TREE 128

typedef struct jg_context jg_context; /* a device, its worker threads */
typedef struct jg_stream jg_stream;   /* an order of execution */
typedef struct jg_graph jg_graph;     /* recorded compute calls */
typedef struct jg_event jg_event;     /* a moment in the order of a stream */
typedef struct jg_batch jg_batch;     /* the rows of one forward pass */

/* ---- library -------------------------------------------------------------------------------- */

/* Returns JG_ABI_VERSION of the library, not a status. */
JG_API int32_t jg_abi_version(void);
/* Returns the text of this thread's last failure ("" before the first), not a status. */
JG_API const char* jg_last_error(void);

/* ---- devices -------------------------------------------------------------------------------- */

/* JG_UNAVAILABLE, with the reason, where there is none. */
JG_API int32_t jg_device_count(int32_t* count);
/* Writes the device's name, zero-terminated, cut to `capacity` bytes (host). */
JG_API int32_t jg_device_name(int32_t device, char* name, int64_t capacity);
/* CPU: the best tier that this processor and this library have. CUDA: compute capability * 10. */
JG_API int32_t jg_device_tier(int32_t device, int32_t* tier);
/* Bytes of the last cache before the memory. Who measures the memory must read several times as
   much before reading the same again. */
JG_API int32_t jg_device_cache_bytes(int32_t device, int64_t* cache_bytes);

/* ---- contexts ------------------------------------------------------------------------------- */

/* `threads`: worker threads including the caller, at most 256; 0 = one per processor that this
   process may run on, up to 256, whatever share of their time it has. `tier`: JG_TIER_BEST, or a
   lower tier by force. A GPU ignores both. */
JG_API int32_t jg_context_create(int32_t device, int32_t threads, int32_t tier,
                                 jg_context** context);
JG_API int32_t jg_context_destroy(jg_context* context);
JG_API int32_t jg_context_info(jg_context* context, int32_t* threads, int32_t* tier);
JG_API int32_t jg_memory_info(jg_context* context, int64_t* free_bytes, int64_t* total_bytes);

/* ---- memory --------------------------------------------------------------------------------- */

/* Zero-filled device memory, aligned to 256 bytes. JG_OUT_OF_MEMORY names what was asked and what
   is free. */
JG_API int32_t jg_buffer_alloc(jg_context* context, int64_t bytes, void** buffer);
JG_API int32_t jg_buffer_free(jg_context* context, void* buffer);
/* Whether device memory that another library took can stand for a buffer: aligned to 256 bytes, its
   first and its last byte in memory of the context's GPU. JG_UNSUPPORTED on the CPU. It stays the
   other library's: not for jg_buffer_free. */
JG_API int32_t jg_buffer_check(jg_context* context, const void* memory, int64_t bytes);
/* Zero-filled host memory that the device copies to and from without staging (pinned on a GPU). */
JG_API int32_t jg_host_alloc(jg_context* context, int64_t bytes, void** memory);
JG_API int32_t jg_host_free(jg_context* context, void* memory);
/* Copies in stream order. The source of jg_copy_to_device is the caller's again when the call
   returns, but memory of jg_host_alloc, and the target of jg_copy_to_host, only when the stream is
   synchronised. A recorded copy reads or writes its host memory, which must be of jg_host_alloc, at
   each launch. */
JG_API int32_t jg_copy_to_device(jg_stream* stream, void* device, const void* host, int64_t bytes);
JG_API int32_t jg_copy_to_host(jg_stream* stream, void* host, const void* device, int64_t bytes);
JG_API int32_t jg_copy(jg_stream* stream, void* to, const void* from, int64_t bytes);

/* ---- streams and graphs --------------------------------------------------------------------- */

JG_API int32_t jg_stream_create(jg_context* context, jg_stream** stream);
/* A stream over one that another library made, a cudaStream_t, which must outlive it:
   jg_stream_destroy waits for it, but does not destroy it. Not a default stream, which cannot be
   recorded, and not one that is being captured. JG_UNSUPPORTED on the CPU. */
JG_API int32_t jg_stream_wrap(jg_context* context, void* handle, jg_stream** stream);
JG_API int32_t jg_stream_destroy(jg_stream* stream);
JG_API int32_t jg_stream_synchronize(jg_stream* stream);
/* Compute calls on the stream are recorded from here to jg_graph_end. What changes from one launch
   to the next (tokens, positions, page tables) lies in device memory: see jg_batch_set, which is
   never recorded. What a call checks of a batch (rows, sequences, tokens, positions, sampling) it
   checks when it is recorded; batches of later launches must keep to the same. */
JG_API int32_t jg_graph_begin(jg_stream* stream);
JG_API int32_t jg_graph_end(jg_stream* stream, jg_graph** graph);
JG_API int32_t jg_graph_launch(jg_stream* stream, jg_graph* graph);
JG_API int32_t jg_graph_destroy(jg_graph* graph);

/* The stream as its runtime knows it, for libraries that take one: a cudaStream_t, which stays the
   stream's own; null on the CPU. */
JG_API int32_t jg_stream_handle(jg_stream* stream, void** handle);

/* ---- events --------------------------------------------------------------------------------- */

JG_API int32_t jg_event_create(jg_context* context, jg_event** event);
JG_API int32_t jg_event_destroy(jg_event* event);
/* The event happens when all calls so far on the stream are done; an earlier record of it is
   forgotten. Not while the stream is recording. */
JG_API int32_t jg_event_record(jg_stream* stream, jg_event* event);
/* Waits until both events have happened. The time between them by the device's clock, which a GPU
   resolves to about half a microsecond. */
JG_API int32_t jg_event_elapsed(jg_event* start, jg_event* end, double* milliseconds);

/* ---- the batch ------------------------------------------------------------------------------ */

/*
 * A ragged batch of rows. Row i has a token, a sequence, and a parent: an earlier row of the same
 * sequence, or -1 for "follows the last committed position". Rows of one sequence stand together,
 * sequences in ascending order.
 *   depth(i)    = 0 if parent[i] = -1, else depth(parent[i]) + 1
 *   position(i) = committed[seq] + depth(i)
 *   slot(i)     = committed[seq] + (i - first row of the sequence)    where its K and V are written
 * The row attends all committed positions, its ancestors, and itself, in order of position.
 * Ancestor lists are derived here, once per step.
 */
JG_API int32_t jg_batch_create(jg_context* context, int32_t max_rows, int32_t max_sequences,
                               int32_t max_pages, jg_batch** batch);
JG_API int32_t jg_batch_destroy(jg_batch* batch);
/* Host arrays: tokens, sequences, parents [rows]; committed [sequence_count]; pages
   [sequence_count][max_pages], the page table of each sequence: slot s lies in page
   pages[s / JG_PAGE], at s % JG_PAGE. All are checked; nothing changes when one is wrong. Of the
   page tables only the entries that the rows reach are read, and a page is only refused where it is
   negative: how many pages a cache has, the batch does not know. */
JG_API int32_t jg_batch_set(jg_stream* stream, jg_batch* batch, int32_t rows, const int32_t* tokens,
                            const int32_t* sequences, const int32_t* parents,
                            int32_t sequence_count, const int32_t* committed, const int32_t* pages);
/* The same, with rows of padding up to `padded_rows`, which may be at most JG_MAX_TREE where it is
   more than `rows`. Calls see padded_rows rows, so that what was recorded of a batch so padded
   serves every smaller one. Padding repeats row 0; nothing of it is written to a cache, and what
   else becomes of it means nothing. */
JG_API int32_t jg_batch_set_padded(jg_stream* stream, jg_batch* batch, int32_t rows,
                                   int32_t padded_rows, const int32_t* tokens,
                                   const int32_t* sequences, const int32_t* parents,
                                   int32_t sequence_count, const int32_t* committed,
                                   const int32_t* pages);
/* How jg_sample draws a sequence's tokens; it travels with every later jg_batch_set. `temperature`
   is more than 0. Kept: the top_k largest (0 = all), of these the smallest set with probability >=
   top_p (1 = all), of these all with probability >= min_p * the largest (0 = all). */
JG_API int32_t jg_batch_sampling(jg_batch* batch, int32_t sequence, float temperature,
                                 int32_t top_k, float top_p, float min_p, uint64_t seed);

/* ---- weights -------------------------------------------------------------------------------- */

/* A weight is a matrix [n][k] (n outputs, k inputs) packed once into the kernel's own layout, which
   belongs to the context's tier. */
JG_API int32_t jg_pack_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                             int64_t* packed_bytes);
/* Packs rows [n_offset, n_offset + n_rows) of the weight from `source` (host, [n_rows][k] in the
   file's layout, `source_bytes` long). Several matrices can so become one. */
JG_API int32_t jg_pack(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, int64_t n_offset,
                       int64_t n_rows, const void* source, int64_t source_bytes, void* packed);

/* ---- operations ----------------------------------------------------------------------------- */

/* out[i][0..k) = row tokens[i] of the packed weight [n][k]. */
JG_API int32_t jg_embed(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t n, int64_t k,
                        const void* packed, float* out, int64_t ldout);

/* Scratch that jg_matmul needs for up to `rows` rows. */
JG_API int32_t jg_matmul_scratch_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                       int64_t rows, int64_t* scratch_bytes);
/* y[i][j] = sum_k x[i][k] * w[j][k] (+ bias[j], where not null) (+ y[i][j], where accumulate). */
JG_API int32_t jg_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, const void* packed,
                         int64_t rows, const float* x, int64_t ldx, float* y, int64_t ldy,
                         const float* bias, int32_t accumulate, void* scratch,
                         int64_t scratch_bytes);

/* Each row has `groups` runs of n elements, each normalised on its own:
   y = x / sqrt(mean(x^2) + eps) * weight[0..n). x and y may be the same. */
JG_API int32_t jg_rmsnorm(jg_stream* stream, int64_t rows, int64_t groups, int64_t n,
                          const float* x, int64_t ldx, const float* weight, float eps, float* y,
                          int64_t ldy);

/* Rotates `heads` heads of each row in place, by the row's position. Pairs are (j, j + head_dim/2).
   table: [table_positions][head_dim] = cos[head_dim/2], sin[head_dim/2]. */
JG_API int32_t jg_rope(jg_stream* stream, jg_batch* batch, int64_t heads, int64_t head_dim,
                       const float* table, int64_t table_positions, float* x, int64_t ldx);

/* One layer of the cache is pages of [2 = K, V][kv_heads][JG_PAGE][head_dim] elements of `dtype`
   (JG_F32 or JG_F16). Writes k and v [rows][kv_heads * head_dim] to the rows' slots. */
JG_API int32_t jg_kv_append(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t kv_heads,
                            int64_t head_dim, const float* k, int64_t ldk, const float* v,
                            int64_t ldv, void* kv_pages);
/* Copies the K and V of slots `from` to slots `to` (host arrays of `count`; to[i] <= from[i], both
   ascending) in `layers` layers that lie `layer_bytes` apart. page_table: host, `page_count` long.
 */
JG_API int32_t jg_kv_gather(jg_stream* stream, int32_t dtype, int64_t kv_heads, int64_t head_dim,
                            int64_t layers, int64_t layer_bytes, const int32_t* page_table,
                            int64_t page_count, int64_t count, const int32_t* from,
                            const int32_t* to, void* kv_pages);

/* Accepts what the model has chosen. In the tree of each sequence it walks from the first row to
   the lowest child whose token is ids[i * ldids] of row i (device), as far as there is one, and
   moves the keys and values of the rows walked to the slots from the committed position on, as
   jg_kv_gather does. Who has the ids walks the same way and may commit these rows, or the first of
   them: slots behind the committed ones mean nothing. A sequence has at most JG_MAX_TREE rows. */
JG_API int32_t jg_accept(jg_stream* stream, jg_batch* batch, const int32_t* ids, int64_t ldids,
                         int32_t dtype, int64_t kv_heads, int64_t head_dim, int64_t layers,
                         int64_t layer_bytes, void* kv_pages);

/* Scratch that jg_attention needs for `rows` rows of a batch made for `max_pages` pages. */
JG_API int32_t jg_attention_scratch_bytes(jg_context* context, int64_t heads, int64_t head_dim,
                                          int64_t rows, int64_t max_pages, int64_t* scratch_bytes);
/* Tree-masked, grouped-query attention over the paged cache; the rows' own K and V must have been
   appended. q, out: [rows][heads * head_dim]. */
JG_API int32_t jg_attention(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t heads,
                            int64_t kv_heads, int64_t head_dim, float scale, const void* kv_pages,
                            const float* q, int64_t ldq, float* out, int64_t ldout, void* scratch,
                            int64_t scratch_bytes);

/* out = gate / (1 + exp(-gate)) * up, each [rows][n]; gate and up share ldx. */
JG_API int32_t jg_swiglu(jg_stream* stream, int64_t rows, int64_t n, const float* gate,
                         const float* up, int64_t ldx, float* out, int64_t ldout);

/* y += x, each [rows][n]. */
JG_API int32_t jg_residual(jg_stream* stream, int64_t rows, int64_t n, const float* x, int64_t ldx,
                           float* y, int64_t ldy);

/* ids[i] = the lowest index of the row's largest logit, or -1 if the row holds a NaN. */
JG_API int32_t jg_argmax(jg_stream* stream, int64_t rows, int64_t n, const float* logits,
                         int64_t ldlogits, int32_t* ids);
/* ids, values: [rows][k], the k largest, largest first, ties by the lower index; all -1 if the row
   holds a NaN. 1 <= k <= 64, k <= n. */
JG_API int32_t jg_topk(jg_stream* stream, int64_t rows, int64_t n, int64_t k, const float* logits,
                       int64_t ldlogits, int32_t* ids, float* values);

/* Scratch that jg_sample needs for `rows` rows of n logits. */
JG_API int32_t jg_sample_scratch_bytes(jg_context* context, int64_t rows, int64_t n,
                                       int64_t* scratch_bytes);
/* ids[i] = argmax over the kept tokens of logits[i] / temperature + Gumbel noise, drawn from a
   counter-based generator keyed by (seed, position(first_row + i) + 1, token); -1 if the row holds
   a NaN. What is kept, temperature and seed: jg_batch_sampling of the row's sequence. */
JG_API int32_t jg_sample(jg_stream* stream, jg_batch* batch, int64_t first_row, int64_t rows,
                         int64_t n, const float* logits, int64_t ldlogits, int32_t* ids,
                         void* scratch, int64_t scratch_bytes);

/* ---- fused operations ----------------------------------------------------------------------- */

/* Each gives the bits of the calls that it stands for, in less time. */

/* Scratch that either of the next two needs for up to `rows` rows. */
JG_API int32_t jg_fused_matmul_scratch_bytes(jg_context* context, int32_t dtype, int64_t n,
                                             int64_t k, int64_t rows, int64_t* scratch_bytes);
/* jg_rmsnorm of x, one group of k, by `norm` and eps, then jg_matmul of the result. */
JG_API int32_t jg_rmsnorm_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k,
                                 const void* packed, int64_t rows, const float* x, int64_t ldx,
                                 const float* norm, float eps, float* y, int64_t ldy,
                                 const float* bias, int32_t accumulate, void* scratch,
                                 int64_t scratch_bytes);
/* jg_swiglu of gate and up, then jg_matmul of the result. */
JG_API int32_t jg_swiglu_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k,
                                const void* packed, int64_t rows, const float* gate,
                                const float* up, int64_t ldx, float* y, int64_t ldy,
                                const float* bias, int32_t accumulate, void* scratch,
                                int64_t scratch_bytes);
/* jg_rope of q and k, then jg_kv_append of k and v. What is left in k means nothing. */
JG_API int32_t jg_rope_append(jg_stream* stream, jg_batch* batch, int64_t heads, int64_t kv_heads,
                              int64_t head_dim, const float* table, int64_t table_positions,
                              float* q, int64_t ldq, float* k, int64_t ldk, const float* v,
                              int64_t ldv, int32_t dtype, void* kv_pages);

/* ---- training ------------------------------------------------------------------------------- */

/*
 * Forward and backward on plain row-major F32 tensors in device memory; weights change at every
 * step, so nothing stays packed. A gradient d<name> has the shape of <name>.
 * - Outputs are overwritten unless a comment says "+=". An output may not overlap an input or
 *   another output unless a comment says so.
 * - Every sum has a fixed order: equal inputs give equal bits for any number of threads.
 * - Integer arrays (ids, positions, targets, starts, orders) lie in device memory and cannot be
 *   checked by the call. A wrong value never reads or writes outside of the arrays; each comment
 *   says what it does give.
 * - `scratch` is device memory of at least the bytes that the query of the same name gives; its
 *   contents mean nothing between calls. The largest of all queries serves all.
 */

/* Sets `bytes` bytes to 0. */
JG_API int32_t jg_zero(jg_stream* stream, void* buffer, int64_t bytes);

/* Never falls where m, n or k grow, so that the largest of several products is asked for. */
JG_API int32_t jg_gemm_scratch_bytes(jg_context* context, int32_t products, int64_t m, int64_t n,
                                     int64_t k, int64_t* scratch_bytes);
/* c[i][j] = alpha * sum_k op(a)[i][k] * op(b)[k][j] (+ c[i][j], where accumulate); c is [m][n].
   a is [m][k], or [k][m] where transpose_a; b is [k][n], or [n][k] where transpose_b. Row i of c
   depends on row i of op(a) alone, column j on column j of op(b): never on m or n.
   products says how the elements of a and b are read: JG_F32, as they are; JG_BF16, rounded to
   bf16, to nearest even. Sums are f32 either way. The CPU has JG_F32 only (JG_UNSUPPORTED).
   A linear layer y = x w^T, w [out][in], x [rows][in], and its gradients:
     y  (m, n, k) = (rows, out, in)   a = x,  b = w, transpose_b
     dx (m, n, k) = (rows, in, out)   a = dy, b = w
     dw (m, n, k) = (out, in, rows)   a = dy, transpose_a, b = x, accumulate
   A bias: y += ones [rows][1] * bias [1][out]; dbias [out][1] += dy^T * ones [rows][1]. */
JG_API int32_t jg_gemm(jg_stream* stream, int32_t products, int64_t m, int64_t n, int64_t k,
                       float alpha, int32_t transpose_a, const float* a, int64_t lda,
                       int32_t transpose_b, const float* b, int64_t ldb, int32_t accumulate,
                       float* c, int64_t ldc, void* scratch, int64_t scratch_bytes);

/* out[i][0..n) = table[ids[i]][0..n), table [table_rows][n]. An id outside of the table gives NaN.
 */
JG_API int32_t jg_gather_rows(jg_stream* stream, int64_t rows, int64_t n, const int32_t* ids,
                              const float* table, int64_t table_rows, int64_t ldtable, float* out,
                              int64_t ldout);
/* dtable[ids[i]] += dout[i] for all rows i, rows of one id in ascending order. order [rows]: the
   rows sorted by (id, row). Rows whose id lies outside of the table, and entries of `order` outside
   of [0, rows), are left out. */
JG_API int32_t jg_embed_backward(jg_stream* stream, int64_t rows, int64_t n, const int32_t* ids,
                                 const int32_t* order, const float* dout, int64_t lddout,
                                 float* dtable, int64_t table_rows, int64_t lddtable);

JG_API int32_t jg_rmsnorm_backward_scratch_bytes(jg_context* context, int64_t rows, int64_t groups,
                                                 int64_t n, int64_t* scratch_bytes);
/* Gradients of jg_rmsnorm from its input x: dx = (or +=, where accumulate) ..., and
   dweight[0..n) += the sum over rows and groups; dweight may be null (a frozen weight). */
JG_API int32_t jg_rmsnorm_backward(jg_stream* stream, int64_t rows, int64_t groups, int64_t n,
                                   const float* x, int64_t ldx, const float* weight, float eps,
                                   const float* dy, int64_t lddy, int32_t accumulate, float* dx,
                                   int64_t lddx, float* dweight, void* scratch,
                                   int64_t scratch_bytes);

/* jg_rope with explicit positions [rows]. inverse = 1 rotates back, which is the gradient:
   dx = inverse rotation of dy. A position outside of the table counts as the nearest one inside. */
JG_API int32_t jg_rope_rows(jg_stream* stream, int64_t rows, const int32_t* positions,
                            int64_t heads, int64_t head_dim, const float* table,
                            int64_t table_positions, int32_t inverse, float* x, int64_t ldx);

/* Gradients of jg_swiglu from its inputs, all [rows][n]; gate and up share ldx, dgate and dup
   lddx. dgate and dup may be gate and up, or one of them dout, element for element. */
JG_API int32_t jg_swiglu_backward(jg_stream* stream, int64_t rows, int64_t n, const float* gate,
                                  const float* up, int64_t ldx, const float* dout, int64_t lddout,
                                  float* dgate, float* dup, int64_t lddx);

/* Scratch of jg_attention_forward and of jg_attention_backward. */
JG_API int32_t jg_attention_forward_scratch_bytes(jg_context* context, int64_t rows, int64_t heads,
                                                  int64_t kv_heads, int64_t head_dim,
                                                  int64_t* scratch_bytes);
JG_API int32_t jg_attention_backward_scratch_bytes(jg_context* context, int64_t rows, int64_t heads,
                                                   int64_t kv_heads, int64_t head_dim,
                                                   int64_t* scratch_bytes);
/* Causal grouped-query attention over packed samples: row i attends the rows [start[i], i], but not
   [gaps[i][0], gaps[i][1]).
   start [rows]: the first row of the row's own sample, ascending; one outside of [0, i] counts as
   the nearest inside. gaps [rows][2], aligned to 8 bytes, or null for none: what lies outside of
   [start[i], i) does not count. So rows behind a sample can go on from any of its rows, as branches
   of it; the values of rows in a gap must be finite. Those of later rows of the sample must be,
   too: their weight is 0, and 0 times what is not finite is NaN. q, out: [rows][heads * head_dim];
   k, v: [rows][kv_heads * head_dim], sharing ldkv. lse [rows][heads]: the natural logarithm of the
   sum over keys of exp(scale * q k), for the backward pass. Samples do not see each other at all,
   not even a NaN. Heads of more than 256 elements are JG_UNSUPPORTED on a GPU. */
JG_API int32_t jg_attention_forward(jg_stream* stream, int64_t rows, const int32_t* start,
                                    const int32_t* gaps, int64_t heads, int64_t kv_heads,
                                    int64_t head_dim, float scale, const float* q, int64_t ldq,
                                    const float* k, const float* v, int64_t ldkv, float* out,
                                    int64_t ldout, float* lse, void* scratch,
                                    int64_t scratch_bytes);
/* Gradients of jg_attention_forward from its inputs, out and lse. dq has q's leading dimension, dk
   and dv that of k and v, dout that of out. */
JG_API int32_t jg_attention_backward(jg_stream* stream, int64_t rows, const int32_t* start,
                                     const int32_t* gaps, int64_t heads, int64_t kv_heads,
                                     int64_t head_dim, float scale, const float* q, int64_t ldq,
                                     const float* k, const float* v, int64_t ldkv, const float* out,
                                     const float* dout, int64_t ldout, const float* lse, float* dq,
                                     float* dk, float* dv, void* scratch, int64_t scratch_bytes);

/* loss[i] = ln(sum_j exp(logits[i][j])) - logits[i][targets[i]], not weighted; and in place
   logits[i][j] = weights[i] * (softmax(logits[i])[j] - (j == targets[i])). A target of -1, or any
   outside of [0, n): loss 0, gradient 0. The full logits need never exist: rows go in chunks, with
   the gemms of the output matrix before and after. */
JG_API int32_t jg_cross_entropy(jg_stream* stream, int64_t rows, int64_t n, float* logits,
                                int64_t ldlogits, const int32_t* targets, const float* weights,
                                double* loss);

JG_API int32_t jg_sum_squares_scratch_bytes(jg_context* context, int64_t n, int64_t* scratch_bytes);
/* sum[0] = the sum of x[i]^2 in double, x [n]. */
JG_API int32_t jg_sum_squares(jg_stream* stream, int64_t n, const float* x, double* sum,
                              void* scratch, int64_t scratch_bytes);

/* One step of AdamW (Loshchilov and Hutter 2019) on n weights; `step` counts from 1.
     g = gradient_scale * gradient
     weight *= 1 - rate * decay
     m = m + (1 - beta1) * (g - m);   v = beta2 * v + (1 - beta2) * g^2
     weight -= rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
   gradient_scale is the factor of clipping by the norm (1: none). */
JG_API int32_t jg_adamw(jg_stream* stream, int64_t n, float* weight, const float* gradient,
                        float* m, float* v, double rate, double beta1, double beta2, double eps,
                        double decay, double gradient_scale, int64_t step);

#ifdef __cplusplus
}
#endif

#endif /* JANGLE_H_ */
