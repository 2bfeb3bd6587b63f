/* A product: layers that read the same input, each by the kernel that its weights ask for.
 *
 * Called by all threads of a parallel region together; each takes an equal part of the blocks of outputs.
 */
#ifndef TRAJECTUNE_PRODUCT_H
#define TRAJECTUNE_PRODUCT_H

#include "bf16.h"
#include "int8.h"
#include "rows.h"

typedef struct { /* what rows are rounded to before products read them */
  bf16 *rows;    /* [tokens, inputs] */
  bf16 *tiles;   /* for the matrix unit */
  Bytes bytes;
} Input;

static int tiled(const Linear *l) {
#ifdef __AMX_BF16__
  return !l->bytes && l->outputs % (2 * TILE) == 0 && l->inputs % STEP == 0;
#else
  (void)l;
  return 0;
#endif
}

/* Rounds one token's row to what the layers of a product read. */
static void round_row(const Product *p, const float *x, int token, const Input *to) {
  int tiles = 0, bytes = 0, rows = p->low_ranks > 0;
  for (int i = 0; i < p->linears; i++) {
    const Linear *l = p->linear + i;
    tiles |= tiled(l), bytes |= l->bytes, rows |= !l->bytes && !tiled(l);
  }
  if (rows || tiles) narrow(x, p->inputs, to->rows + (long)token * p->inputs);
#ifdef __AMX_BF16__
  if (tiles) { /* two inputs of a token are one number of 32 bits here */
    const uint32_t *from = (const uint32_t *)(to->rows + (long)token * p->inputs);
    uint32_t *at = (uint32_t *)to->tiles + (long)(token / TILE) * p->inputs / 2 * TILE + token % TILE;
    for (int k = 0; k < p->inputs / 2; k++) at[k * TILE] = from[k];
  }
#endif
  if (!bytes) return;
  const long groups = padded(p->inputs, GROUP) / GROUP;
  for (long g = 0; g < groups; g++) {
    const long at = token * groups + g;
    quantize(x + g * GROUP, smaller(GROUP, p->inputs - (int)g * GROUP), to->bytes.bytes + at * GROUP,
             to->bytes.scale + at, to->bytes.sum + at);
  }
}

static int blocks_of(const Linear *l) {
  const int size = l->bytes ? PANEL : tiled(l) ? 2 * BLOCK : BLOCK;
  return (int)(padded(l->outputs, size) / size);
}

static void compute_block(const Linear *l, int block, const Input *x, int tokens, float *to, long width, int add) {
  if (l->bytes)
    panel_int8(l, block, &x->bytes, tokens, to, width, add);
#ifdef __AMX_BF16__
  else if (tiled(l))
    block_tiles(l, block * 2 * BLOCK, x->tiles, tokens, to, width, add);
#endif
  else
    block_bf16(l, block * BLOCK, x->rows, l->inputs, tokens, to, width, add);
}

static void add_low_ranks(const Product *p, const Input *x, int tokens, float *to, float *between, bf16 *narrowed) {
  for (int i = 0; i < p->low_ranks; i++) {
    const Linear *down = &p->low_rank[i].down, *up = &p->low_rank[i].up;
#pragma omp for schedule(static)
    for (int b = 0; b < (int)(padded(down->outputs, BLOCK) / BLOCK); b++)
      block_bf16(down, b * BLOCK, x->rows, down->inputs, tokens, between, down->outputs, 0);
#pragma omp for schedule(static)
    for (int t = 0; t < tokens; t++)
      narrow(between + (long)t * down->outputs, down->outputs, narrowed + (long)t * down->outputs);
#pragma omp for schedule(static)
    for (int b = 0; b < (int)(padded(up->outputs, BLOCK) / BLOCK); b++)
      block_bf16(up, b * BLOCK, narrowed, up->inputs, tokens, to, p->outputs, 1);
  }
}

/* [tokens, outputs] of a product whose inputs are rounded; `add`: to what is there. */
static void multiply_rows(const Product *p, const Input *x, int tokens, float *to, int add, float *between,
                          bf16 *narrowed) {
  int blocks = 0;
  for (int i = 0; i < p->linears; i++) blocks += blocks_of(p->linear + i);
#pragma omp for schedule(static)
  for (int b = 0; b < blocks; b++) {
    int block = b;
    const Linear *l = p->linear;
    while (block >= blocks_of(l)) block -= blocks_of(l++);
    compute_block(l, block, x, tokens, to, p->outputs, add);
  }
  add_low_ranks(p, x, tokens, to, between, narrowed);
}
#endif
