// Attention and its backward pass, the scores of a few queries at a time in the cache. Called by
// fused_attention.py; needs AVX512-BF16 and OpenMP, and no library.
//
// Values are rounded to bfloat16 where torch's kernel for a CPU rounds them: probabilities (not yet
// divided by their sum) and the gradient of the scores, before they are multiplied, and the
// results. That kernel adds gradients of keys and values up block by block in bfloat16; here they
// are rounded once. Every example and head belongs to one thread: their number changes no bit.

#include "kernels.h"

namespace {

constexpr int64_t QUERIES = 32;         // at a time
constexpr int64_t M = 8, N = 2;         // a tile of products: rows, and lanes of columns
constexpr int64_t COLUMNS = N * LANES;  // keys, and the width of a head, are padded to this

struct Tensor {  // (batch, head, row, width), of which the last is contiguous
  Bits* data;
  int64_t of_batch, of_head, of_row;
};

struct Attention {
  int64_t batch, heads, queries, keys, width;
  float scale;
  bool causal;  // query i attends to the keys up to i
  int threads;

  // Padded sizes: what lies beyond the true ones is zero and adds nothing.
  const int64_t rows = padded(queries, QUERIES), columns = padded(keys, COLUMNS);
  const int64_t deep = padded(width, COLUMNS), pairs = deep / 2;

  int64_t tasks() const { return batch * heads; }
  int64_t seen_by(int64_t query) const { return causal ? std::min(keys, query + 1) : keys; }

  Bits* first_row(const Tensor& tensor, int64_t task) const {
    return tensor.data + task / heads * tensor.of_batch + task % heads * tensor.of_head;
  }

  // One example and head to [count, and zeros][deep].
  void take(const Tensor& tensor, int64_t task, int64_t count, Bits* taken) const {
    const Bits* from = first_row(tensor, task);
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(taken + i * deep, from + i * tensor.of_row, width * sizeof(Bits));
  }

  // Rows [count][deep] of float32 sums, times a factor of each row, to one example and head.
  template <typename Factor>
  void give(const float* sums, int64_t count, Factor factor, const Tensor& tensor, int64_t task,
            int64_t start) const {
    Bits* to = first_row(tensor, task) + start * tensor.of_row;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t d = 0; d < width; d += LANES) {
        const __m512 values = _mm512_mul_ps(_mm512_loadu_ps(sums + i * deep + d),
                                            _mm512_set1_ps(factor(i)));
        _mm256_mask_storeu_epi16(to + i * tensor.of_row + d, lanes_below(width, d),
                                 upper_halves(rounded(values)));
      }
  }
};

// [count][deep] to [pair of rows][deep].
void pair_rows(const Bits* rows, int64_t count, int64_t deep, Pair* paired) {
  for (int64_t i = 0; i < count; i += 2, rows += 2 * deep, paired += deep)
    for (int64_t d = 0; d < deep; ++d) paired[d] = rows[d] | Pair(rows[deep + d]) << 16;
}

// [rows][columns] to [columns][rows].
template <typename T>
void transpose(const T* from, int64_t rows, int64_t columns, T* to) {
  for (int64_t j = 0; j < columns; j += LANES)
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t c = 0; c < LANES; ++c) to[(j + c) * rows + i] = from[i * columns + j + c];
}

// products[QUERIES][width] = left[QUERIES][depth pairs] right[depth pairs][width]
void product(float* products, int64_t stride, const Pair* left, int64_t left_stride,
             const Pair* right, int64_t right_stride, int64_t depth, int64_t width) {
  for (int64_t j = 0; j < width; j += COLUMNS)
    for (int64_t i = 0; i < QUERIES; i += M) {
      __m512 held[M][N] = {};
      multiply(held, left + i * left_stride, left_stride, right + j, right_stride, depth);
      for (int64_t r = 0; r < M; ++r)
        for (int64_t c = 0; c < N; ++c)
          _mm512_storeu_ps(products + (i + r) * stride + j + LANES * c, held[r][c]);
    }
}

// sums[deep][width] += left[deep][QUERIES / 2 pairs] right[QUERIES / 2 pairs][width]
void add_product(float* sums, int64_t deep, const Pair* left, const Pair* right, int64_t columns,
                 int64_t width) {
  for (int64_t j = 0; j < width; j += COLUMNS)
    for (int64_t d = 0; d < deep; d += M)
      multiply_add<M, N>(sums + d * columns + j, columns, left + d * (QUERIES / 2), QUERIES / 2,
                         right + j, columns, QUERIES / 2);
}

// e^x for x <= 0 as torch's kernel has it, after Malossi et al., "Fast Exponential Computation on
// SIMD Architectures" (2015): the integer that stands for 2^(x / ln 2), put right by a cubic of the
// fraction. It errs by up to 1e-4, a twentieth of what rounding to bfloat16 does.
__m512 rough_exponential(__m512 x) {
  const __mmask16 above = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.3365479f), _CMP_GE_OS);
  const __m512 power = _mm512_mul_ps(x, _mm512_set1_ps(1.44269502f));
  const __m512 fraction = _mm512_sub_ps(power, _mm512_floor_ps(power));
  __m512 excess = _mm512_set1_ps(-0.0792042402f);
  for (const float c : {-0.224338365f, 0.303542605f, 1.07034349e-4f})
    excess = _mm512_fmadd_ps(excess, fraction, _mm512_set1_ps(c));
  const __m512 bits = _mm512_fmadd_ps(_mm512_sub_ps(power, excess), _mm512_set1_ps(1 << 23),
                                      _mm512_set1_ps(127 << 23));
  return _mm512_castsi512_ps(_mm512_maskz_cvttps_epi32(above, bits));
}

struct Softmax {
  float largest, sum;
};

// Scores of a query, of which it sees the first `limit`, become probabilities times their sum.
Softmax softmax(float* scores, float scale, int64_t limit, int64_t seen, Bits* probabilities) {
  __m512 most = _mm512_set1_ps(NOTHING), sum = _mm512_setzero_ps();
  for (int64_t c = 0; c < seen; c += LANES) {
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(scores + c), _mm512_set1_ps(scale));
    const __m512 x = _mm512_mask_mov_ps(_mm512_set1_ps(NOTHING), lanes_below(limit, c), scaled);
    most = _mm512_max_ps(x, most);
    _mm512_storeu_ps(scores + c, x);
  }
  const float largest = _mm512_reduce_max_ps(most);
  for (int64_t c = 0; c < seen; c += LANES) {
    const __m512 below = _mm512_sub_ps(_mm512_loadu_ps(scores + c), _mm512_set1_ps(largest));
    const __m512 p = rough_exponential(below);
    sum = _mm512_add_ps(sum, p);
    _mm256_storeu_si256((__m256i*)(probabilities + c), narrowed(p));
  }
  return {largest, _mm512_reduce_add_ps(sum)};
}

void forward(const Attention& a, const Tensor& query, const Tensor& key, const Tensor& value,
             const Tensor& out, float* logsumexp) {
#pragma omp parallel num_threads(a.threads)
  {
    Buffer<Bits> q(a.rows * a.deep), k(a.columns * a.deep), v(a.columns * a.deep);
    Buffer<Pair> of_keys(a.pairs * a.columns), of_values(a.columns / 2 * a.deep);
    Buffer<float> scores(QUERIES * a.columns), sums(QUERIES * a.deep);
    Buffer<Bits> probabilities(QUERIES * a.columns);
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < a.tasks(); ++task) {
      a.take(query, task, a.queries, q + 0);
      a.take(key, task, a.keys, k + 0);
      a.take(value, task, a.keys, v + 0);
      transpose((const Pair*)(k + 0), a.columns, a.pairs, of_keys + 0);
      pair_rows(v + 0, a.columns, a.deep, of_values + 0);
      for (int64_t start = 0; start < a.queries; start += QUERIES) {
        const int64_t count = std::min(QUERIES, a.queries - start);
        const int64_t seen = padded(a.seen_by(start + QUERIES - 1), COLUMNS);
        product(scores + 0, a.columns, (const Pair*)(q + start * a.deep), a.pairs, of_keys + 0,
                a.columns, a.pairs, seen);
        float over_sum[QUERIES];
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = i * a.columns;
          const Softmax of_row = softmax(scores + at, a.scale, a.seen_by(start + i), seen,
                                         probabilities + at);
          over_sum[i] = 1 / of_row.sum;
          logsumexp[task * a.queries + start + i] = of_row.largest + std::log(of_row.sum);
        }
        product(sums + 0, a.deep, (const Pair*)(probabilities + 0), a.columns / 2, of_values + 0,
                a.deep, seen / 2, a.deep);
        a.give(sums + 0, count, [&](int64_t i) { return over_sum[i]; }, out, task, start);
      }
    }
  }
}

float dot(const Bits* left, const Bits* right, int64_t deep) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t d = 0; d < deep; d += LANES)
    sum = _mm512_fmadd_ps(load(left + d), load(right + d), sum);
  return _mm512_reduce_add_ps(sum);
}

struct Row {  // of a query
  const float *scores, *grads;  // before they are scaled; gradients of the probabilities
  Bits* grad_scores;            // out
  float logsumexp, mean_grad;   // over the probabilities
  int64_t limit;                // it sees so many keys
};

// Two queries: from scores to their gradients, and these and the probabilities as pairs as well.
void differentiate(const Row (&rows)[2], float scale, int64_t seen, Pair* probability_pairs,
                   Pair* grad_pairs) {
  for (int64_t c = 0; c < seen; c += LANES) {
    __m512i ps[2], gs[2];
    for (int64_t j = 0; j < 2; ++j) {
      const Row& row = rows[j];
      const __m512 score = _mm512_mul_ps(_mm512_loadu_ps(row.scores + c), _mm512_set1_ps(scale));
      const __m512 log_p = _mm512_sub_ps(score, _mm512_set1_ps(row.logsumexp));
      const __m512 p = _mm512_maskz_mov_ps(lanes_below(row.limit, c), exponential(log_p));
      const __m512 above_mean =
          _mm512_sub_ps(_mm512_loadu_ps(row.grads + c), _mm512_set1_ps(row.mean_grad));
      const __m256i grad = narrowed(_mm512_mul_ps(above_mean, p));
      _mm256_storeu_si256((__m256i*)(row.grad_scores + c), grad);
      ps[j] = _mm512_cvtepu16_epi32(narrowed(p));
      gs[j] = _mm512_cvtepu16_epi32(grad);
    }
    _mm512_storeu_si512(probability_pairs + c,
                        _mm512_or_si512(ps[0], _mm512_slli_epi32(ps[1], 16)));
    _mm512_storeu_si512(grad_pairs + c, _mm512_or_si512(gs[0], _mm512_slli_epi32(gs[1], 16)));
  }
}

void backward(const Attention& a, const Tensor& grad_out, const Tensor& query, const Tensor& key,
              const Tensor& value, const Tensor& out, const float* logsumexp,
              const Tensor& grad_query, const Tensor& grad_key, const Tensor& grad_value) {
#pragma omp parallel num_threads(a.threads)
  {
    Buffer<Bits> q(a.rows * a.deep), g(a.rows * a.deep), o(a.rows * a.deep);
    Buffer<Bits> k(a.columns * a.deep), v(a.columns * a.deep);
    Buffer<Pair> of_keys(a.pairs * a.columns), of_values(a.pairs * a.columns);
    Buffer<Pair> key_pairs(a.columns / 2 * a.deep), row_pairs(QUERIES / 2 * a.deep);
    Buffer<Pair> of_queries(a.deep * QUERIES / 2), of_grads(a.deep * QUERIES / 2);
    Buffer<float> scores(QUERIES * a.columns), grads(QUERIES * a.columns);
    Buffer<Bits> grad_scores(QUERIES * a.columns);
    Buffer<Pair> probability_pairs(QUERIES / 2 * a.columns), grad_pairs(QUERIES / 2 * a.columns);
    Buffer<float> sums(QUERIES * a.deep), in_rows(a.columns * a.deep);
    Buffer<float> key_sums(a.deep * a.columns), value_sums(a.deep * a.columns);
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < a.tasks(); ++task) {
      a.take(query, task, a.queries, q + 0);
      a.take(grad_out, task, a.queries, g + 0);
      a.take(out, task, a.queries, o + 0);
      a.take(key, task, a.keys, k + 0);
      a.take(value, task, a.keys, v + 0);
      transpose((const Pair*)(k + 0), a.columns, a.pairs, of_keys + 0);
      transpose((const Pair*)(v + 0), a.columns, a.pairs, of_values + 0);
      pair_rows(k + 0, a.columns, a.deep, key_pairs + 0);
      std::memset(key_sums + 0, 0, a.deep * a.columns * sizeof(float));
      std::memset(value_sums + 0, 0, a.deep * a.columns * sizeof(float));
      for (int64_t start = 0; start < a.queries; start += QUERIES) {
        const int64_t count = std::min(QUERIES, a.queries - start);
        const int64_t seen = padded(a.seen_by(start + QUERIES - 1), COLUMNS);
        const Bits *queries = q + start * a.deep, *of_out = g + start * a.deep;
        product(scores + 0, a.columns, (const Pair*)queries, a.pairs, of_keys + 0, a.columns,
                a.pairs, seen);
        product(grads + 0, a.columns, (const Pair*)of_out, a.pairs, of_values + 0, a.columns,
                a.pairs, seen);
        for (int64_t i = 0; i < QUERIES; i += 2) {
          Row rows[2];
          for (int64_t j = 0; j < 2; ++j) {
            const int64_t row = start + i + j, at = (i + j) * a.columns;
            const bool there = i + j < count;
            rows[j] = {scores + at,
                       grads + at,
                       grad_scores + at,
                       there ? logsumexp[task * a.queries + row] : 0,
                       dot(g + row * a.deep, o + row * a.deep, a.deep),
                       a.seen_by(row)};
          }
          differentiate(rows, a.scale, seen, probability_pairs + i / 2 * a.columns,
                        grad_pairs + i / 2 * a.columns);
        }
        product(sums + 0, a.deep, (const Pair*)(grad_scores + 0), a.columns / 2, key_pairs + 0,
                a.deep, seen / 2, a.deep);
        a.give(sums + 0, count, [&](int64_t) { return a.scale; }, grad_query, task, start);
        pair_rows(queries, QUERIES, a.deep, row_pairs + 0);
        transpose(row_pairs + 0, QUERIES / 2, a.deep, of_queries + 0);
        add_product(key_sums + 0, a.deep, of_queries + 0, grad_pairs + 0, a.columns, seen);
        pair_rows(of_out, QUERIES, a.deep, row_pairs + 0);
        transpose(row_pairs + 0, QUERIES / 2, a.deep, of_grads + 0);
        add_product(value_sums + 0, a.deep, of_grads + 0, probability_pairs + 0, a.columns, seen);
      }
      transpose(key_sums + 0, a.deep, a.columns, in_rows + 0);
      a.give(in_rows + 0, a.keys, [&](int64_t) { return a.scale; }, grad_key, task, 0);
      transpose(value_sums + 0, a.deep, a.columns, in_rows + 0);
      a.give(in_rows + 0, a.keys, [](int64_t) { return 1.0f; }, grad_value, task, 0);
    }
  }
}

}  // namespace

// Tensors: query, key, value, out.
extern "C" void attend(const Tensor* tensors, float* logsumexp, int64_t batch, int64_t heads,
                       int64_t queries, int64_t keys, int64_t width, float scale, bool causal,
                       int threads) {
  const Attention attention{batch, heads, queries, keys, width, scale, causal, threads};
  forward(attention, tensors[0], tensors[1], tensors[2], tensors[3], logsumexp);
}

// Tensors: query, key, value, out, its gradient, and the gradients of query, key and value.
extern "C" void attend_backward(const Tensor* tensors, const float* logsumexp, int64_t batch,
                                int64_t heads, int64_t queries, int64_t keys, int64_t width,
                                float scale, bool causal, int threads) {
  const Attention attention{batch, heads, queries, keys, width, scale, causal, threads};
  backward(attention, tensors[4], tensors[0], tensors[1], tensors[2], tensors[3], logsumexp,
           tensors[5], tensors[6], tensors[7]);
}
