/* Attention by the matrix unit: up to sixteen queries to one head's keys and values, in which a query is whichever
 * head of whichever token shares them.
 *
 * Scores are [keys][queries], so that keys are read where they lie; mixing is [queries][values], in which neighbouring
 * values of two keys are first laid side by side. Keys and values are taken in blocks counted from position 0, and
 * what a query does not see has the weight zero: so its sums do not depend on what is computed beside it.
 */
#ifndef TRAJECTUNE_ATTENTION_TILES_H
#define TRAJECTUNE_ATTENTION_TILES_H

#include "rows.h"
#include "tiles.h"

#ifdef __AMX_BF16__
enum { KEYS = 4 * TILE }; /* that are scored together */

typedef struct {
  int count;
  const bf16 *query[TILE]; /* already scaled */
  float *mixed[TILE];
  int first[TILE], end[TILE]; /* positions that it sees */
} Queries;

/* Sixteen keys from a position on; where the cache ends before, a copy in `spare`. */
static inline const bf16 *keys_at(const bf16 *keys, int position, int capacity, int size, bf16 *spare) {
  if (position + TILE <= capacity) return keys + (long)position * size;
  memset(spare, 0, sizeof(bf16) * TILE * size);
  memcpy(spare, keys + (long)position * size, sizeof(bf16) * (capacity - position) * size);
  return spare;
}

/* Scores [queries][stride] of keys from `low` (a multiple of KEYS) to `high`. */
static void score_tiles(const Queries *q, const bf16 *keys, int low, int high, int capacity, int size, uint32_t *paired,
                        bf16 *spare, float *to, long stride) {
  for (int i = 0; i < q->count; i++)
    for (int d = 0; d < size / 2; d++) memcpy(paired + d * TILE + i, q->query[i] + 2 * d, 4);
  for (int p = low; p < high; p += KEYS) {
    const int some = smaller((high - p + TILE - 1) / TILE, KEYS / TILE);
    const bf16 *k[KEYS / TILE]; /* behind the last one it again */
    for (int i = 0; i < KEYS / TILE; i++)
      k[i] = keys_at(keys, p + smaller(i, some - 1) * TILE, capacity, size, spare);
    float found[KEYS / TILE][TILE][TILE];
    settled();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int d = 0; d < size; d += STEP) {
      _tile_loadd(4, paired + d / 2 * TILE, 64);
      _tile_loadd(5, k[0] + d, 2L * size);
      _tile_loadd(6, k[1] + d, 2L * size);
      _tile_dpbf16ps(0, 5, 4);
      _tile_dpbf16ps(1, 6, 4);
      _tile_loadd(5, k[2] + d, 2L * size);
      _tile_loadd(6, k[3] + d, 2L * size);
      _tile_dpbf16ps(2, 5, 4);
      _tile_dpbf16ps(3, 6, 4);
    }
    _tile_stored(0, found[0], 64);
    _tile_stored(1, found[1], 64);
    _tile_stored(2, found[2], 64);
    _tile_stored(3, found[3], 64);
    for (int i = 0; i < some; i++) {
      __m512 row[TILE];
      if (q->count > FEW) turned(found[i], row);
      for (int t = 0; t < q->count; t++)
        _mm512_storeu_ps(to + t * stride + p - low + i * TILE, q->count > FEW ? row[t] : column(found[i], t));
    }
  }
}

/* The softmax of each query's scores over what it sees, in bf16; zero for the other positions of its blocks. */
static void weigh(const Queries *q, int low, int high, float *scores, bf16 *to, long stride) {
  for (int i = 0; i < q->count; i++) {
    float *row = scores + i * stride + q->first[i] - low;
    bf16 *at = to + i * stride;
    const int before = q->first[i] - low, count = q->end[i] - q->first[i];
    const float factor = 1.0f / exponentials(row, count);
#pragma omp simd
    for (int j = 0; j < count; j++) row[j] *= factor;
    memset(at, 0, sizeof(bf16) * before);
    narrow(row, count, at + before);
    memset(at + before + count, 0, sizeof(bf16) * (padded(high - low, STEP) - before - count));
  }
}

/* Two tiles of values: of STEP keys from `values` on, of which `count` exist, STEP numbers each; the two of each pair
 * of keys lie side by side, numbers 0–3, 8–11, 16–19, 24–27 in the first tile and the others in the second. */
static inline void pair_values(const bf16 *values, int count, int size, uint32_t to[2][TILE][TILE]) {
  for (int i = 0; i < TILE; i++) {
    const __m512i a = 2 * i < count ? _mm512_loadu_si512(values + 2L * i * size) : _mm512_setzero_si512();
    const __m512i b = 2 * i + 1 < count ? _mm512_loadu_si512(values + (2L * i + 1) * size) : _mm512_setzero_si512();
    _mm512_storeu_si512(to[0][i], _mm512_unpacklo_epi16(a, b));
    _mm512_storeu_si512(to[1][i], _mm512_unpackhi_epi16(a, b));
  }
}

/* Values mixed for all queries, numbers `d` … of each: 2 · STEP of them, or STEP. */
static inline __attribute__((always_inline)) void mix_tiles(const int both, const Queries *q, const bf16 *weights,
                                                            long stride, const bf16 *values, int low, int high, int size,
                                                            int d) {
  uint32_t pairs[4][TILE][TILE];
  float found[4][TILE][TILE];
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int p = low; p < high; p += STEP) {
    const bf16 *from = values + (long)p * size + d;
    pair_values(from, high - p, size, pairs);
    if (both) pair_values(from + STEP, high - p, size, pairs + 2);
    settled();
    _tile_loadd(4, weights + p - low, 2 * stride);
    _tile_loadd(5, pairs[0], 64);
    _tile_loadd(6, pairs[1], 64);
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 6);
    if (!both) continue;
    _tile_loadd(5, pairs[2], 64);
    _tile_loadd(6, pairs[3], 64);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 6);
  }
  _tile_stored(0, found[0], 64);
  _tile_stored(1, found[1], 64);
  _tile_stored(2, found[2], 64);
  _tile_stored(3, found[3], 64);
  const __m512i lower = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i upper = _mm512_add_epi32(lower, _mm512_set1_epi32(8));
  for (int i = 0; i < q->count; i++)
    for (int half = 0; half <= both; half++) {
      const __m512 even = _mm512_loadu_ps(found[2 * half][i]), odd = _mm512_loadu_ps(found[2 * half + 1][i]);
      float *at = q->mixed[i] + d + half * STEP;
      _mm512_storeu_ps(at, _mm512_permutex2var_ps(even, lower, odd));
      _mm512_storeu_ps(at + TILE, _mm512_permutex2var_ps(even, upper, odd));
    }
}

/* All of it; `keys` and `values` from position 0. `scores` and `weights` have room for TILE · stride numbers, `paired`
 * and `spare` for TILE · size. */
static void attend_tiles(const Queries *q, const bf16 *keys, const bf16 *values, int capacity, int size, float *scores,
                         bf16 *weights, long stride, uint32_t *paired, bf16 *spare) {
  int low = q->first[0], high = q->end[0];
  for (int i = 1; i < q->count; i++) low = smaller(low, q->first[i]), high = larger(high, q->end[i]);
  low = low / KEYS * KEYS;
  score_tiles(q, keys, low, high, capacity, size, paired, spare, scores, stride);
  weigh(q, low, high, scores, weights, stride);
  int d = 0;
  for (; d + 2 * STEP <= size; d += 2 * STEP) mix_tiles(1, q, weights, stride, values, low, high, size, d);
  if (d < size) mix_tiles(0, q, weights, stride, values, low, high, size, d);
}
#endif
#endif
