/* The matrix unit (AMX): how its tiles are set up, and how tiles are turned. */
#ifndef TRAJECTUNE_TILES_H
#define TRAJECTUNE_TILES_H

#ifdef __AMX_BF16__
#include <immintrin.h>
#include <stdint.h>

enum { TILE = 16, STEP = 32, FEW = 4 };
/* TILE: rows of a tile. STEP: bf16 numbers in one of its rows. FEW: columns that are faster picked one by one. */

typedef struct {
  uint8_t palette, start, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
} Shape;

static void open_tiles(void) {
  Shape shape = {.palette = 1};
  for (int i = 0; i < 8; i++) shape.bytes[i] = 64, shape.rows[i] = TILE;
  _tile_loadconfig(&shape);
}

/* What was written before is in memory: compilers do not know that loading a tile reads it. */
static inline void settled(void) { __asm__ volatile("" ::: "memory"); }

/* Row t of a tile turned over: its column t. */
static inline __m512 column(const float from[TILE][TILE], int t) {
  const __m512i row = _mm512_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240);
  return _mm512_i32gather_ps(row, &from[0][t], 4);
}

/* A tile turned over, in four rounds: neighbours, pairs, fours, eights. */
static inline __attribute__((always_inline)) void turned(const float from[TILE][TILE], __m512 to[TILE]) {
  __m512 a[TILE], b[TILE];
#pragma GCC unroll 16
  for (int i = 0; i < TILE; i++) a[i] = _mm512_loadu_ps(from[i]);
#pragma GCC unroll 8
  for (int i = 0; i < TILE; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < TILE; i += 4) {
    a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    b[i] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
    b[i + 4] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
    b[i + 8] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
    b[i + 12] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    to[i] = _mm512_shuffle_f32x4(b[i], b[i + 8], 0x88);
    to[i + 8] = _mm512_shuffle_f32x4(b[i], b[i + 8], 0xdd);
  }
}
#endif
#endif
