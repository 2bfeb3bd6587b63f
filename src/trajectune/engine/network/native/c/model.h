/* What a forward pass is given: a Llama-shaped model, the engine's cache, and packed tokens.
 *
 * `trajectune.engine.network.native.records` writes these structures field by field; `sizes` in forward.c lets it check
 * that both sides mean the same. Nothing here owns memory.
 *
 * The idea of the whole library: one token's numbers follow from that token and from what it sees, by one fixed
 * order of operations. What else is in the batch, how a prompt was cut and how many threads there are decides
 * which thread computes something, and never how. So equal tokens give equal bits.
 */
#ifndef TRAJECTUNE_MODEL_H
#define TRAJECTUNE_MODEL_H

#include <stddef.h>
#include <stdint.h>

typedef uint16_t bf16; /* the upper half of a float */

enum { GROUP = 64, PANEL = 64, BLOCK = 16 };
/* GROUP: inputs that share a scale in int8. PANEL: outputs stored together in int8, whose numbers are
 * [panels, inputs / 4, PANEL, 4]. BLOCK: outputs that are computed together in bf16. */

typedef struct {
  int32_t outputs, inputs;
  int32_t offset;      /* of its outputs within those of the product */
  int32_t bytes;       /* whether weights are int8 (stored + 128) or bf16 */
  const void *weight;  /* bf16 [outputs, inputs] as PyTorch has it, or bytes in panels, padded with zeros */
  const float *scale;  /* int8: [panels, inputs / GROUP, PANEL] */
  const float *bias;   /* [outputs], or NULL */
} Linear;

typedef struct {
  Linear down, up; /* what an adapter adds: up(down(x)), bf16, its scaling within `up` */
} LowRank;

typedef struct { /* layers that read the same input, side by side in one output */
  int32_t inputs, outputs, linears, low_ranks;
  const Linear *linear;
  const LowRank *low_rank;
} Product;

typedef struct {
  const float *attention_norm, *mlp_norm;
  const float *head_norm; /* [heads + kv_heads, head_dim], or NULL */
  Product query_key_value, output, gate_up, down;
  int32_t turns; /* whether queries and keys are rotated */
} Layer;

typedef struct {
  int32_t layers, hidden, heads, kv_heads, head_dim, inner, vocabulary;
  float epsilon, scale;
  const bf16 *embedding; /* [vocabulary, hidden] */
  const float *norm;
  const Layer *layer;
  Product head;
} Model;

typedef struct {
  int32_t slots, capacity;
  bf16 *const *keys, *const *values; /* by layer: [slots, kv_heads, capacity, head_dim] */
  const float *cos, *sin;            /* [capacity, head_dim / 2] */
  const int32_t *windows;            /* by layer: positions that a token sees, itself included; 0: all */
} Cache;

typedef struct {
  int32_t count, places;
  const int64_t *token, *position, *slot; /* [count] */
  const int64_t *place;                   /* [places]: the tokens whose logits are wanted */
} Batch;

static inline int smaller(int a, int b) { return a < b ? a : b; }
static inline int larger(int a, int b) { return a > b ? a : b; }
static inline long padded(long count, long unit) { return (count + unit - 1) / unit * unit; }

#endif
