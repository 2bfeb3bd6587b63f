/* Products in bf16: sixteen outputs at a time, weights as PyTorch has them, sums in fp32.
 *
 * An output is PAIRS partial sums along the inputs, added up by one tree at the end (`sums`), for one token or for
 * several: tokens that share a pass only share the reading of the weights.
 */
#ifndef TRAJECTUNE_BF16_H
#define TRAJECTUNE_BF16_H

#include "tiles.h"
#include "vectors.h"

enum { TOKENS = 4 }; /* that read four rows of weights together */

/* One token: sixteen rows of weights, of which `rows` exist. */
static inline __attribute__((always_inline)) void one_token(const bf16 *const w[BLOCK], const bf16 *x, int inputs,
                                                            float to[BLOCK]) {
  vector sum[BLOCK];
  for (int i = 0; i < BLOCK; i++) sum[i] = nothing();
  int k = 0;
  for (; k + PAIRS <= inputs; k += PAIRS) {
    const packed input = load_packed(x + k);
#pragma GCC unroll 16
    for (int i = 0; i < BLOCK; i++) sum[i] = dot(sum[i], load_packed(w[i] + k), input);
  }
  if (k < inputs) {
    const packed input = load_some(x + k, inputs - k);
#pragma GCC unroll 16
    for (int i = 0; i < BLOCK; i++) sum[i] = dot(sum[i], load_some(w[i] + k, inputs - k), input);
  }
  sums(sum, to);
}

/* Four tokens and four rows of weights; [token][row]. */
static inline __attribute__((always_inline)) void four_tokens(const bf16 *const w[4], const bf16 *x, long stride,
                                                              int inputs, float to[BLOCK]) {
  vector sum[BLOCK];
  for (int i = 0; i < BLOCK; i++) sum[i] = nothing();
  int k = 0;
  for (; k + PAIRS <= inputs; k += PAIRS) {
    packed input[TOKENS];
#pragma GCC unroll 4
    for (int t = 0; t < TOKENS; t++) input[t] = load_packed(x + t * stride + k);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const packed weight = load_packed(w[i] + k);
#pragma GCC unroll 4
      for (int t = 0; t < TOKENS; t++) sum[4 * t + i] = dot(sum[4 * t + i], weight, input[t]);
    }
  }
  if (k < inputs)
    for (int i = 0; i < 4; i++)
      for (int t = 0; t < TOKENS; t++)
        sum[4 * t + i] =
            dot(sum[4 * t + i], load_some(w[i] + k, inputs - k), load_some(x + t * stride + k, inputs - k));
  sums(sum, to);
}

/* Outputs `first` … of a layer, at most BLOCK, for all tokens. `add`: to what is there. */
static void block_bf16(const Linear *l, int first, const bf16 *x, long stride, int tokens, float *to, long width,
                       int add) {
  const int rows = smaller(BLOCK, l->outputs - first), inputs = l->inputs;
  const bf16 *w[BLOCK];
  for (int i = 0; i < BLOCK; i++) w[i] = (const bf16 *)l->weight + (long)(first + (i < rows ? i : 0)) * inputs;
  float found[BLOCK], bias[BLOCK] = {0};
  for (int i = 0; l->bias && i < rows; i++) bias[i] = l->bias[first + i];
  to += l->offset + first;
  const int fours = tokens / TOKENS * TOKENS;
  for (int i = 0; i < rows && fours; i += 4)
    for (int t = 0; t < fours; t += TOKENS) {
      four_tokens(w + i, x + t * stride, stride, inputs, found);
      for (int each = 0; each < TOKENS; each++)
        for (int j = i; j < smaller(i + 4, rows); j++) {
          float *at = to + (t + each) * width + j, value = found[4 * each + j - i] + bias[j];
          *at = add ? *at + value : value;
        }
    }
  for (int t = fours; t < tokens; t++) {
    one_token(w, x + t * stride, inputs, found);
    for (int j = 0; j < rows; j++) {
      float *at = to + t * width + j, value = found[j] + bias[j];
      *at = add ? *at + value : value;
    }
  }
}

#ifdef __AMX_BF16__
/* The same by the matrix unit: two times sixteen outputs of up to 32 tokens, the inputs in tiles
 * [tokens / 16][inputs / 2][16][2]. Sums run along the inputs, 32 at a time. */
/* Outputs of up to sixteen tokens, from a tile [outputs][tokens]. */
static inline void put(const float from[TILE][TILE], float *to, long width, int tokens, const float *bias, int add) {
  const __m512 more = bias ? _mm512_loadu_ps(bias) : _mm512_setzero_ps();
  __m512 row[TILE];
  if (tokens > FEW) turned(from, row);
  for (int t = 0; t < tokens; t++) {
    float *at = to + t * width;
    const __m512 value = _mm512_add_ps(tokens > FEW ? row[t] : column(from, t), more);
    _mm512_storeu_ps(at, add ? _mm512_add_ps(_mm512_loadu_ps(at), value) : value);
  }
}

static void block_tiles(const Linear *l, int first, const bf16 *x, int tokens, float *to, long width, int add) {
  const int inputs = l->inputs;
  const long stride = 2L * inputs, size = (long)inputs * TILE;
  const bf16 *w = (const bf16 *)l->weight + (long)first * inputs, *v = w + (long)TILE * inputs;
  float found[4][TILE][TILE];
  const float *bias = l->bias ? l->bias + first : NULL;
  to += l->offset + first;
  for (int t = 0; t < tokens; t += 2 * TILE, x += 2 * size) {
    const int both = tokens - t > TILE;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int k = 0; k < inputs; k += STEP) {
      _tile_loadd(4, w + k, stride);
      _tile_loadd(5, v + k, stride);
      _tile_loadd(6, x + (long)k * TILE, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 5, 6);
      if (!both) continue;
      _tile_loadd(7, x + size + (long)k * TILE, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, found[0], 64);
    _tile_stored(1, found[1], 64);
    _tile_stored(2, found[2], 64);
    _tile_stored(3, found[3], 64);
    for (int i = 0; i < (both ? 4 : 2); i++) { /* tokens in pairs of tiles of outputs */
      const int token = t + i / 2 * TILE, output = i % 2 * TILE;
      put(found[i], to + token * width + output, width, smaller(tokens - token, TILE), bias ? bias + output : NULL,
          add);
    }
  }
}
#endif
#endif
