/* Products in int8: groups of GROUP inputs with one scale for each token and one for each output.
 *
 * Within a group the sum of products is an integer, so it is exact in whatever order it is made; groups are
 * added in fp32, one after the other. Weights are stored + 128, and 128 times the sum of a group's inputs is
 * taken off again.
 */
#ifndef TRAJECTUNE_INT8_H
#define TRAJECTUNE_INT8_H

#include <immintrin.h>
#include <string.h>

#include "model.h"

typedef struct {
  int8_t *bytes; /* [tokens, inputs padded to GROUP] */
  float *scale;  /* [tokens, groups] */
  int32_t *sum;  /* [tokens, groups] */
} Bytes;

#ifdef __AVX512VNNI__
enum { LANES = 16, WIDE = PANEL / 16, ROWS = 4 };
typedef __m512i whole;
typedef __m512 real;
static inline whole same(int32_t value) { return _mm512_set1_epi32(value); }
static inline whole load_bytes(const uint8_t *from) { return _mm512_loadu_si512(from); }
static inline whole multiply(whole sum, whole weights, whole inputs) {
  return _mm512_dpbusd_epi32(sum, weights, inputs);
}
static inline real scaled(whole sum, const float *scale, float factor, real before) {
  const real both = _mm512_mul_ps(_mm512_loadu_ps(scale), _mm512_set1_ps(factor));
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), both, before);
}
static inline real zero(void) { return _mm512_setzero_ps(); }
static inline void store(float *to, real value) { _mm512_storeu_ps(to, value); }
#else
enum { LANES = 8, WIDE = 2, ROWS = 2 };
typedef __m256i whole;
typedef __m256 real;
static inline whole same(int32_t value) { return _mm256_set1_epi32(value); }
static inline whole load_bytes(const uint8_t *from) { return _mm256_loadu_si256((const whole *)from); }
/* Sixteen bits each, since two products of bytes may not fit into them together. */
static inline whole multiply(whole sum, whole weights, whole inputs) {
  const whole low = _mm256_and_si256(weights, _mm256_set1_epi16(0xff)), high = _mm256_srli_epi16(weights, 8);
  const whole even = _mm256_srai_epi16(_mm256_slli_epi16(inputs, 8), 8), odd = _mm256_srai_epi16(inputs, 8);
  return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(low, even), _mm256_madd_epi16(high, odd)));
}
static inline real scaled(whole sum, const float *scale, float factor, real before) {
  const real both = _mm256_mul_ps(_mm256_loadu_ps(scale), _mm256_set1_ps(factor));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), both, before);
}
static inline real zero(void) { return _mm256_setzero_ps(); }
static inline void store(float *to, real value) { _mm256_storeu_ps(to, value); }
#endif

/* WIDE · LANES outputs of one panel, from column `column` on, for `tokens` (at most ROWS) tokens. */
static inline __attribute__((always_inline)) void some(const int tokens, const uint8_t *w, const float *scale,
                                                       const Bytes *x, long token, int groups, int column,
                                                       float to[ROWS][PANEL]) {
  real total[ROWS][WIDE];
#pragma GCC unroll 4
  for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
    for (int j = 0; j < WIDE; j++) total[t][j] = zero();
  for (int g = 0; g < groups; g++) {
    whole sum[ROWS][WIDE];
#pragma GCC unroll 4
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
      for (int j = 0; j < WIDE; j++) sum[t][j] = same(-128 * x->sum[(token + t) * groups + g]);
    const uint8_t *weights = w + ((long)g * GROUP * PANEL) + 4 * column;
    const int8_t *inputs = x->bytes + (token * groups + g) * GROUP;
    for (int k = 0; k < GROUP; k += 4, weights += 4 * PANEL) {
      whole weight[WIDE];
#pragma GCC unroll 4
      for (int j = 0; j < WIDE; j++) weight[j] = load_bytes(weights + 4 * LANES * j);
#pragma GCC unroll 4
      for (int t = 0; t < tokens; t++) {
        int32_t four;
        memcpy(&four, inputs + (long)t * groups * GROUP + k, 4);
        const whole input = same(four);
#pragma GCC unroll 4
        for (int j = 0; j < WIDE; j++) sum[t][j] = multiply(sum[t][j], weight[j], input);
      }
    }
    const float *scales = scale + (long)g * PANEL + column;
#pragma GCC unroll 4
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
      for (int j = 0; j < WIDE; j++)
        total[t][j] = scaled(sum[t][j], scales + LANES * j, x->scale[(token + t) * groups + g], total[t][j]);
  }
#pragma GCC unroll 4
  for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
    for (int j = 0; j < WIDE; j++) store(to[t] + column + LANES * j, total[t][j]);
}

#ifdef __AMX_INT8__
enum { FULL = 16, WORTH_TILES = 8 };

/* The same by the matrix unit, for up to sixteen tokens and all of a panel: equal to `some` to the bit. */
static void some_tiles(int tokens, const uint8_t *w, const float *scale, const Bytes *x, long token, int groups,
                       float to[FULL][PANEL]) {
  int32_t sum[PANEL / 16][FULL][16];
  memset(to, 0, sizeof(float) * FULL * PANEL);
  for (int g = 0; g < groups; g++) {
    const uint8_t *weights = w + (long)g * GROUP * PANEL;
    ask_for((const bf16 *)(weights + 2 * GROUP * PANEL), GROUP * PANEL / 2);
    _tile_loadd(4, x->bytes + (token * groups + g) * GROUP, (long)groups * GROUP);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(5, weights, 4 * PANEL);
    _tile_dpbsud(0, 4, 5);
    _tile_loadd(6, weights + 64, 4 * PANEL);
    _tile_dpbsud(1, 4, 6);
    _tile_loadd(7, weights + 128, 4 * PANEL);
    _tile_dpbsud(2, 4, 7);
    _tile_loadd(5, weights + 192, 4 * PANEL);
    _tile_dpbsud(3, 4, 5);
    _tile_stored(0, sum[0], 64);
    _tile_stored(1, sum[1], 64);
    _tile_stored(2, sum[2], 64);
    _tile_stored(3, sum[3], 64);
    for (int t = 0; t < tokens; t++) { /* what the tiles hold of others is garbage */
      const whole less = same(-128 * x->sum[(token + t) * groups + g]);
      const float factor = x->scale[(token + t) * groups + g];
#pragma GCC unroll 4
      for (int j = 0; j < PANEL / 16; j++) {
        const whole found = _mm512_add_epi32(_mm512_loadu_si512(sum[j][t]), less);
        float *at = to[t] + 16 * j;
        store(at, scaled(found, scale + (long)g * PANEL + 16 * j, factor, _mm512_loadu_ps(at)));
      }
    }
  }
}
#else
enum { FULL = ROWS };
#endif

/* The outputs of panel `panel`, for all tokens. `add`: to what is there. */
static void panel_int8(const Linear *l, int panel, const Bytes *x, int tokens, float *to, long width, int add) {
  const int groups = (int)(padded(l->inputs, GROUP) / GROUP), first = panel * PANEL;
  const int rows = smaller(PANEL, l->outputs - first);
  const uint8_t *w = (const uint8_t *)l->weight + (long)panel * groups * GROUP * PANEL;
  const float *scale = l->scale + (long)panel * groups * PANEL;
  float found[FULL][PANEL];
  to += l->offset + first;
  for (int t = 0; t < tokens;) {
    int now = tokens - t >= ROWS ? ROWS : 1;
#ifdef __AMX_INT8__
    if (tokens - t >= WORTH_TILES) {
      now = smaller(tokens - t, FULL);
      some_tiles(now, w, scale, x, t, groups, found);
    } else
#endif
    for (int column = 0; column < PANEL; column += WIDE * LANES)
      if (now == ROWS)
        some(ROWS, w, scale, x, t, groups, column, found);
      else
        some(1, w, scale, x, t, groups, column, found);
    for (int each = 0; each < now; each++, t++) {
      float *at = to + (long)t * width;
      for (int j = 0; j < rows; j++) {
        const float value = found[each][j] + (l->bias ? l->bias[first + j] : 0.0f);
        at[j] = add ? at[j] + value : value;
      }
    }
  }
}
#endif
