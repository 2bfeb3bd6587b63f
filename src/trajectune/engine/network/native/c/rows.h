/* What is done to one row of numbers: norms, rotation, activation, and rounding to what products read.
 *
 * Plain C that compilers turn into vectors. A row's result depends on its length alone.
 */
#ifndef TRAJECTUNE_ROWS_H
#define TRAJECTUNE_ROWS_H

#include <math.h>
#include <string.h>

#include "model.h"

static inline float from_bf16(bf16 value) {
  uint32_t bits = (uint32_t)value << 16;
  float number;
  memcpy(&number, &bits, 4);
  return number;
}

/* To the nearest, ties to even, as PyTorch rounds; not-a-number stays one. */
static inline bf16 to_bf16(float number) {
  uint32_t bits;
  memcpy(&bits, &number, 4);
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (bf16)(number != number ? 0x7fc0u : rounded);
}

/* 2^(x log2 e) by a polynomial of degree 6 on [-1/2, 1/2]; relative error below 3e-7. */
static inline float exponential(float x) {
  float scaled = x * 1.44269504088896f;
  scaled = !(scaled > -126.0f) ? -126.0f : scaled > 126.0f ? 126.0f : scaled;
  float whole = rintf(scaled), rest = scaled - whole;
  float power = 1.5403530e-4f;
  power = power * rest + 1.3333558e-3f;
  power = power * rest + 9.6181291e-3f;
  power = power * rest + 5.5504109e-2f;
  power = power * rest + 2.4022651e-1f;
  power = power * rest + 6.9314718e-1f;
  power = power * rest + 1.0f;
  int32_t exponent = ((int32_t)whole + 127) << 23;
  float two;
  memcpy(&two, &exponent, 4);
  return x != x ? x : power * two;
}

static void widen(const bf16 *restrict from, int count, float *restrict to) {
  for (int i = 0; i < count; i++) to[i] = from_bf16(from[i]);
}

static void narrow(const float *restrict from, int count, bf16 *restrict to) {
  for (int i = 0; i < count; i++) to[i] = to_bf16(from[i]);
}

/* x / √(mean x² + ε) · weight */
static void norm(const float *x, const float *weight, int count, float epsilon, float *y) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < count; i++) sum += x[i] * x[i];
  const float factor = 1.0f / sqrtf(sum / (float)count + epsilon);
#pragma omp simd
  for (int i = 0; i < count; i++) y[i] = x[i] * factor * weight[i];
}

/* (x₁, x₂) ↦ (x₁ cos − x₂ sin, x₂ cos + x₁ sin) for the halves of a head */
static void rotate(float *restrict head, const float *restrict cos, const float *restrict sin, int half) {
  float *restrict other = head + half;
#pragma omp simd
  for (int i = 0; i < half; i++) {
    const float first = head[i], second = other[i];
    head[i] = first * cos[i] - second * sin[i];
    other[i] = second * cos[i] + first * sin[i];
  }
}

/* silu(gate) · up, over the gate */
static void activate(float *restrict gate, const float *restrict up, int count) {
#pragma omp simd
  for (int i = 0; i < count; i++) gate[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

/* Scores to what their softmax is before it is divided by its sum, which is returned. */
static float exponentials(float *scores, int count) {
  float most = scores[0], sum = 0.0f;
#pragma omp simd reduction(max : most)
  for (int i = 0; i < count; i++) most = scores[i] > most ? scores[i] : most;
#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < count; i++) {
    scores[i] = exponential(scores[i] - most);
    sum += scores[i];
  }
  return sum;
}

/* A group of up to GROUP numbers to bytes −127 … 127, the rest zero; its scale, and the sum of its bytes. The scale
 * of what is not finite is not a number. */
static void quantize(const float *restrict x, int count, int8_t *restrict bytes, float *scale, int32_t *sum) {
  float most = 0.0f, stray = 0.0f;
#pragma omp simd reduction(max : most) reduction(+ : stray)
  for (int i = 0; i < count; i++) {
    most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    stray += x[i] - x[i];
  }
  const float factor = most > 0.0f ? 127.0f / most : 0.0f;
  int32_t total = 0;
  memset(bytes, 0, GROUP);
#pragma omp simd reduction(+ : total)
  for (int i = 0; i < count; i++) {
    float number = rintf(x[i] * factor);
    number = !(number > -127.0f) ? -127.0f : number > 127.0f ? 127.0f : number; /* not-a-number too */
    const int32_t whole = (int32_t)number;
    bytes[i] = (int8_t)whole;
    total += whole;
  }
  *scale = most / 127.0f + stray;
  *sum = total;
}

#endif
