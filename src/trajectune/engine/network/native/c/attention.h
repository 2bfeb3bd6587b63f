/* One token's attention to the cache: every key and value is read once for all heads that share it.
 *
 * Scores are products of bf16 numbers summed in fp32; softmax and the mixture of values are in fp32. The order of
 * all sums follows from the positions that the token sees.
 */
#ifndef TRAJECTUNE_ATTENTION_H
#define TRAJECTUNE_ATTENTION_H

#include "rows.h"
#include "vectors.h"

enum { AHEAD = 4, WIDTH = 64 };
/* AHEAD: blocks of keys or values that are asked for before they are read. WIDTH: numbers mixed at a time. */

/* Scores of one query with sixteen keys, of which `count` exist. */
static inline __attribute__((always_inline)) void score_block(const bf16 *query, const bf16 *keys, const int count,
                                                              int size, float *to) {
  vector sum[BLOCK];
  for (int i = 0; i < BLOCK; i++) sum[i] = nothing();
  int d = 0;
  for (; d + PAIRS <= size; d += PAIRS) {
    const packed part = load_packed(query + d);
#pragma GCC unroll 16
    for (int i = 0; i < BLOCK; i++)
      sum[i] = dot(sum[i], load_packed(keys + (long)(count == BLOCK || i < count ? i : 0) * size + d), part);
  }
  if (d < size) {
    const packed part = load_some(query + d, size - d);
    for (int i = 0; i < BLOCK; i++)
      sum[i] = dot(sum[i], load_some(keys + (long)(i < count ? i : 0) * size + d, size - d), part);
  }
  sums(sum, to);
}

/* Scores of `heads` queries with `count` keys; a row of scores has room for whole blocks. */
static void score(int heads, const bf16 *queries, const bf16 *keys, int count, int size, float *to, long stride) {
  for (int first = 0; first < count; first += BLOCK) {
    const bf16 *here = keys + (long)first * size;
    if (first + (AHEAD + 1) * BLOCK <= count) ask_for(here + (long)AHEAD * BLOCK * size, (long)BLOCK * size);
    for (int h = 0; h < heads; h++) {
      float *at = to + h * stride + first;
      if (count - first >= BLOCK)
        score_block(queries + (long)h * size, here, BLOCK, size, at);
      else
        score_block(queries + (long)h * size, here, count - first, size, at);
    }
  }
}

/* Values mixed for `heads` (at most 4) heads, `width` (at most WIDTH) numbers of each. */
static inline __attribute__((always_inline)) void mix_some(const int heads, const int width, const float *weights,
                                                           long stride, const bf16 *values, int count, int size,
                                                           float *to) {
  float total[4][WIDTH] = {{0}};
  for (int i = 0; i < count; i++) {
    float value[WIDTH];
    if (i + AHEAD * BLOCK < count) ask_for(values + (long)(i + AHEAD * BLOCK) * size, width);
#pragma omp simd
    for (int d = 0; d < width; d++) value[d] = from_bf16(values[(long)i * size + d]);
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++) {
      const float weight = weights[h * stride + i];
#pragma omp simd
      for (int d = 0; d < width; d++) total[h][d] += weight * value[d];
    }
  }
  for (int h = 0; h < heads; h++)
    for (int d = 0; d < width; d++) to[(long)h * size + d] = total[h][d];
}

static void mix(int heads, const float *weights, long stride, const bf16 *values, int count, int size, float *to) {
  for (int d = 0; d < size; d += WIDTH) {
    const int width = smaller(WIDTH, size - d);
    for (int h = 0; h < heads; h += 4) {
      const float *w = weights + h * stride;
      float *at = to + (long)h * size + d;
      const int some = smaller(4, heads - h);
      if (width < WIDTH)
        for (int each = 0; each < some; each++)
          mix_some(1, width, w + each * stride, stride, values + d, count, size, at + (long)each * size);
      else if (some == 4)
        mix_some(4, WIDTH, w, stride, values + d, count, size, at);
      else if (some == 3)
        mix_some(3, WIDTH, w, stride, values + d, count, size, at);
      else if (some == 2)
        mix_some(2, WIDTH, w, stride, values + d, count, size, at);
      else
        mix_some(1, WIDTH, w, stride, values + d, count, size, at);
    }
  }
}

/* `heads` queries of one key/value head, already scaled, over `count` keys and values; `scores` has room for
 * heads · stride numbers. */
static void attend(int heads, const bf16 *queries, const bf16 *keys, const bf16 *values, int count, int size,
                   float *scores, long stride, float *to) {
  score(heads, queries, keys, count, size, scores, stride);
  for (int h = 0; h < heads; h++) {
    float *row = scores + h * stride;
    const float factor = 1.0f / exponentials(row, count);
#pragma omp simd
    for (int i = 0; i < count; i++) row[i] *= factor;
  }
  mix(heads, scores, stride, values, count, size, to);
}
#endif
