/* The few vector operations that products and attention are written in, for AVX-512 and for AVX2. */
#ifndef TRAJECTUNE_VECTORS_H
#define TRAJECTUNE_VECTORS_H

#include <immintrin.h>

#include "model.h"

/* Numbers that will be read soon; where there are none, nothing happens. */
static inline void ask_for(const bf16 *from, long count) {
  for (long i = 0; i < count; i += 32) _mm_prefetch((const char *)(from + i), _MM_HINT_T0);
}

#ifdef __AVX512BF16__
enum { PAIRS = 32 }; /* bf16 numbers in a vector */
typedef __m512bh packed;
typedef __m512 vector;

static inline packed load_packed(const bf16 *from) { return (packed)_mm512_loadu_si512(from); }
static inline packed load_some(const bf16 *from, int count) {
  return (packed)_mm512_maskz_loadu_epi16((__mmask32)((1ull << count) - 1), from);
}
static inline vector dot(vector sum, packed a, packed b) { return _mm512_dpbf16_ps(sum, a, b); }
static inline vector nothing(void) { return _mm512_setzero_ps(); }

/* Sums of sixteen vectors, each by the same tree: neighbours of four, of two, and so on. */
static inline __attribute__((always_inline)) void sums(const vector v[BLOCK], float to[BLOCK]) {
  vector four[4];
  for (int i = 0; i < 4; i++) {
    const vector *a = v + 4 * i;
    vector left = _mm512_add_ps(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
    vector right = _mm512_add_ps(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
    vector low = _mm512_shuffle_ps(left, right, 0x44), high = _mm512_shuffle_ps(left, right, 0xee);
    four[i] = _mm512_add_ps(low, high);
  }
  vector left = _mm512_add_ps(_mm512_shuffle_f32x4(four[0], four[1], 0x88),
                              _mm512_shuffle_f32x4(four[0], four[1], 0xdd));
  vector right = _mm512_add_ps(_mm512_shuffle_f32x4(four[2], four[3], 0x88),
                               _mm512_shuffle_f32x4(four[2], four[3], 0xdd));
  _mm512_storeu_ps(to, _mm512_add_ps(_mm512_shuffle_f32x4(left, right, 0x88),
                                     _mm512_shuffle_f32x4(left, right, 0xdd)));
}
#else
enum { PAIRS = 16 };
typedef __m256i packed;
typedef struct {
  __m256 even, odd;
} vector;

static inline packed load_packed(const bf16 *from) { return _mm256_loadu_si256((const packed *)from); }
static inline packed load_some(const bf16 *from, int count) {
  bf16 some[PAIRS] = {0};
  for (int i = 0; i < count; i++) some[i] = from[i];
  return load_packed(some);
}
static inline __m256 evens(packed a) { return _mm256_castsi256_ps(_mm256_slli_epi32(a, 16)); }
static inline __m256 odds(packed a) {
  return _mm256_castsi256_ps(_mm256_and_si256(a, _mm256_set1_epi32((int)0xffff0000u)));
}
static inline vector dot(vector sum, packed a, packed b) {
  sum.even = _mm256_fmadd_ps(evens(a), evens(b), sum.even);
  sum.odd = _mm256_fmadd_ps(odds(a), odds(b), sum.odd);
  return sum;
}
static inline vector nothing(void) { return (vector){_mm256_setzero_ps(), _mm256_setzero_ps()}; }

static inline __attribute__((always_inline)) void sums(const vector v[BLOCK], float to[BLOCK]) {
  for (int i = 0; i < BLOCK; i++) {
    __m256 eight = _mm256_add_ps(v[i].even, v[i].odd);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    to[i] = _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
}
#endif
#endif
