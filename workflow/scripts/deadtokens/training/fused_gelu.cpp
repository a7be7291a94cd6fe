// GELU of bfloat16 values by table, and its backward pass operation by operation as transformers
// has it. Called by fused_gelu.py; needs AVX-512 and OpenMP, and no library.

#include "kernels.h"

namespace {

__m512 times(float factor, __m512 x) { return rounded(_mm512_mul_ps(_mm512_set1_ps(factor), x)); }
__m512 times(__m512 factor, __m512 x) { return rounded(_mm512_mul_ps(factor, x)); }

// 16 values: the gradients of the results become those of the values.
__m256i backward(__m512 value, __m512 of_out, __m512 tanh) {
  const __m512 one = _mm512_set1_ps(1);
  const __m512 of_half = times(of_out, rounded(_mm512_add_ps(one, tanh)));
  const __m512 of_tanh = times(of_out, times(0.5f, value));
  const __m512 of_inner = times(of_tanh, _mm512_sub_ps(one, _mm512_mul_ps(tanh, tanh)));
  const __m512 of_sum = times(std::sqrt(2 / M_PI), of_inner);
  const __m512 of_cube = times(0.044715f, of_sum);
  const __m512 of_power = times(of_cube, times(3, times(value, value)));
  const __m512 sum = rounded(_mm512_add_ps(of_sum, of_power));
  const __m512 result = rounded(_mm512_add_ps(sum, times(0.5f, of_half)));
  return upper_halves(result);
}

void backward(const Bits* x, const Bits* grad_out, const Bits* tanhs, Bits* grad) {
  Bits at[LANES];
  for (int64_t i = 0; i < LANES; ++i) at[i] = tanhs[x[i]];
  _mm256_storeu_si256((__m256i*)grad, backward(load(x), load(grad_out), load(at)));
}

}  // namespace

// out[i] = table[x[i]]
extern "C" void look_up(const Bits* x, const Bits* table, int64_t n, int threads, Bits* out) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < n; ++i) out[i] = table[x[i]];
}

// Backward through 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), every operation rounded.
// tanhs: the hyperbolic tangent in it at every value.
extern "C" void gelu_new_backward(const Bits* x, const Bits* grad_out, const Bits* tanhs, int64_t n,
                                  int threads, Bits* grad) {
  const int64_t whole = n - n % LANES;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < whole; i += LANES) backward(x + i, grad_out + i, tanhs, grad + i);
  Bits last[3][LANES] = {};
  std::copy_n(x + whole, n - whole, last[0]);
  std::copy_n(grad_out + whole, n - whole, last[1]);
  backward(last[0], last[1], tanhs, last[2]);
  std::copy_n(last[2], n - whole, grad + whole);
}
