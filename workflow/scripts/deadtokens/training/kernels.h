// What the kernels share: bfloat16 values, tiles of products, the exponential. Needs AVX512-BF16.
//
// Products are exact and their sums float32, as in oneDNN's kernels, of which these have the
// instruction (VDPBF16PS: two products per lane; subnormal values count as zero).

#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

namespace {

using Pair = uint32_t;  // two bfloat16 values that are multiplied and added in one lane
using Bits = uint16_t;  // one bfloat16 value

constexpr int64_t LANES = 16;
constexpr float NOTHING = -std::numeric_limits<float>::infinity();  // a logit of no probability

inline int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

inline float widened(Bits value) {
  const uint32_t bits = uint32_t(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

// To the nearest value, ties to even; subnormal values and NaN are kept.
inline Bits rounded_to_bfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) return Bits(bits >> 16 | 0x40);
  return Bits((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// The lanes from `start` on that are below a limit.
inline __mmask16 lanes_below(int64_t limit, int64_t start) {
  const int64_t count = std::clamp<int64_t>(limit - start, 0, LANES);
  return __mmask16((1u << count) - 1);
}

template <typename T>
struct Buffer {  // aligned to a cache line, and zero
  explicit Buffer(int64_t size)
      : memory(static_cast<T*>(std::aligned_alloc(64, padded(size * sizeof(T), 64))), std::free) {
    std::memset(memory.get(), 0, size * sizeof(T));
  }
  T* operator+(int64_t offset) const { return memory.get() + offset; }
  std::unique_ptr<T, decltype(&std::free)> memory;
};

// sums[M][16 N] += left[M][depth pairs] right[depth pairs][16 N], all of it in registers.
template <int M, int N>
inline __attribute__((always_inline)) void multiply(__m512 (&sums)[M][N], const Pair* left,
                                                    int64_t left_stride, const Pair* right,
                                                    int64_t right_stride, int64_t depth) {
  for (int64_t k = 0; k < depth; ++k, ++left, right += right_stride) {
    __m512bh columns[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) columns[j] = (__m512bh)_mm512_loadu_si512(right + LANES * j);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const __m512bh row = (__m512bh)_mm512_set1_epi32(int(left[i * left_stride]));
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sums[i][j] = _mm512_dpbf16_ps(sums[i][j], row, columns[j]);
    }
  }
}

// The same, added to float32 sums in memory.
template <int M, int N>
void multiply_add(float* sums, int64_t sums_stride, const Pair* left, int64_t left_stride,
                  const Pair* right, int64_t right_stride, int64_t depth) {
  __m512 held[M][N];
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) held[i][j] = _mm512_loadu_ps(sums + i * sums_stride + LANES * j);
  multiply(held, left, left_stride, right, right_stride, depth);
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) _mm512_storeu_ps(sums + i * sums_stride + LANES * j, held[i][j]);
}

// e^x for x <= 0 as 2^n 2^r, |r| <= 1/2, with the polynomial of degree 6 for 2^r whose largest
// relative error is least, 2e-9. What is left is the rounding of float32, 1e-7 at most.
inline __m512 exponential(__m512 x) {
  const __m512 over_log_2 = _mm512_set1_ps(1.44269502f), rest = _mm512_set1_ps(1.92596303e-8f);
  x = _mm512_max_ps(_mm512_set1_ps(-110), x);  // below it is zero anyway; NaN stays
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, over_log_2), 0);
  const __m512 r = _mm512_fmadd_ps(x, rest, _mm512_fmsub_ps(x, over_log_2, n));
  __m512 p = _mm512_set1_ps(1.53458124e-4f);
  for (const float c :
       {1.33999309e-3f, 9.61848907e-3f, 5.55032864e-2f, 0.240226462f, 0.693147182f, 1.0f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  return _mm512_scalef_ps(p, n);
}

inline __m512 widened(__m256i values) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
}

inline __m512 load(const Bits* values) {
  return widened(_mm256_loadu_si256((const __m256i*)values));
}

// To the nearest value, ties to even; subnormal values become zero.
inline __m256i narrowed(__m512 values) { return (__m256i)_mm512_cvtneps_pbh(values); }

// The same, but subnormal values are kept; as float32.
inline __m512 rounded(__m512 values) {
  const __m512i bits = _mm512_castps_si512(values);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  return _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(~0xffff)));
}

// The upper halves of float32 values that are bfloat16.
inline __m256i upper_halves(__m512 values) {
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(values), 16));
}

}  // namespace
