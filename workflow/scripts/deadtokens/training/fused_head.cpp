// Head, loss and both gradients in one pass: rows of hidden states go from logits to gradients
// while they are in the cache. Called by fused_head.py; needs AVX512-BF16 and OpenMP, and no
// library.
//
// Values are rounded to bfloat16 where the published loop rounds them (docs/numerics.md, 6): the
// logits, the log-probabilities (if `rounded`), the logits' gradient, and both results.
//
// Every sum has an order of its own that no number of threads changes: threads share out tiles of
// rows, and then blocks of the vocabulary, and no two add to the same number.

#include <vector>

#include "kernels.h"

namespace {

constexpr int64_t BLOCK = 3 * LANES;  // columns of logits at a time
constexpr int64_t ROWS = 8;           // of logits at a time
constexpr int64_t TILE = 24;          // rows whose logits stay in the second-level cache
constexpr int64_t DEPTH = 240;        // pairs that are summed before sums are put down
constexpr int64_t WIDTH = 4 * LANES;  // the hidden width is padded to this

struct Head {
  const Bits *rows, *tied;  // (n, width) and (vocab, width)
  const int64_t* targets;   // (n,)
  int64_t n, width, vocab;
  int threads;
  float of_target;  // what the mean hands back to each target's log-probability
  bool rounded;     // log-probabilities to bfloat16, or float32
  float* of_targets;              // out (n,): the targets' log-probabilities
  Bits *grad_rows, *grad_tied;  // out, as rows and tied

  const int64_t columns = padded(vocab, BLOCK), deep = padded(width, WIDTH), pairs = deep / 2;
  // Some 16 MB of gradients of logits at a time, so that they stay in the last cache.
  const int64_t chunk = TILE * std::max<int64_t>(1, (1 << 24) / (2 * columns * TILE));

  Buffer<Pair> by_width{pairs * columns};       // tied, [block][pair of width][column]
  Buffer<Pair> by_vocab{columns / 2 * deep};    // tied, [pair of vocabulary][width]
  Buffer<Pair> by_rows{deep * chunk / 2};       // rows of a chunk, [width][pair of rows]
  Buffer<Pair> gradient{chunk / 2 * columns};   // of logits of a chunk, [pair of rows][column]
  Buffer<float> sums{deep * columns};           // gradient of tied, [block][width][column]

  Bits of_tied(int64_t v, int64_t d) const {
    return v < vocab && d < width ? tied[v * width + d] : Bits(0);
  }

  Bits of_rows(int64_t i, int64_t d) const {
    return i < n && d < width ? rows[i * width + d] : Bits(0);
  }

  void run() {
    pack_tied();
    for (int64_t start = 0; start < n; start += chunk) {
      const int64_t tiles = padded(std::min(chunk, n - start), TILE) / TILE;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
      for (int64_t tile = 0; tile < tiles; ++tile) take(start, tile * TILE);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
      for (int64_t block = 0; block < columns; block += BLOCK)
        for (int64_t d = 0; d < deep; d += ROWS)
          multiply_add<ROWS, 3>(sums + (block * deep + d * BLOCK), BLOCK, by_rows + d * (chunk / 2),
                                chunk / 2, gradient + block, columns, tiles * TILE / 2);
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t v = 0; v < vocab; ++v)
      for (int64_t d = 0; d < width; ++d) {
        const int64_t at = (v / BLOCK * deep + d) * BLOCK + v % BLOCK;
        grad_tied[v * width + d] = rounded_to_bfloat16(*(sums + at));
      }
  }

  void pack_tied() {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t v = 0; v < columns; ++v)
      for (int64_t k = 0; k < pairs; ++k)
        *(by_width + ((v / BLOCK * pairs + k) * BLOCK + v % BLOCK)) =
            of_tied(v, 2 * k) | Pair(of_tied(v, 2 * k + 1)) << 16;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < columns / 2; ++k)
      for (int64_t d = 0; d < deep; ++d)
        *(by_vocab + (k * deep + d)) = of_tied(2 * k, d) | Pair(of_tied(2 * k + 1, d)) << 16;
  }

  // A tile of rows from logits to gradients: its own, and its part of `gradient`.
  void take(int64_t start, int64_t within) const {
    thread_local std::vector<Bits> logits_of_thread;
    thread_local std::vector<Pair> rows_of_thread;  // [row][pair of width]
    thread_local std::vector<float> grads_of_thread;
    logits_of_thread.resize(TILE * columns);
    rows_of_thread.resize(TILE * pairs);
    grads_of_thread.assign(TILE * deep, 0);
    Bits* logits = logits_of_thread.data();
    Pair* left = rows_of_thread.data();
    float* of_tile = grads_of_thread.data();
    for (int64_t i = 0; i < TILE; ++i)
      for (int64_t k = 0; k < pairs; ++k)
        left[i * pairs + k] = of_rows(start + within + i, 2 * k) |
                              Pair(of_rows(start + within + i, 2 * k + 1)) << 16;
    for (int64_t d = 0; d < deep; ++d)
      for (int64_t i = 0; i < TILE; i += 2)
        *(by_rows + (d * (chunk / 2) + (within + i) / 2)) =
            of_rows(start + within + i, d) | Pair(of_rows(start + within + i + 1, d)) << 16;

    __m512 most[TILE];  // of every row, the largest logit by lanes
    std::fill(most, most + TILE, _mm512_set1_ps(NOTHING));
    for (int64_t block = 0; block < columns; block += BLOCK) {
      const __mmask16 there[] = {lanes_below(vocab, block), lanes_below(vocab, block + LANES),
                                 lanes_below(vocab, block + 2 * LANES)};
      for (int64_t i = 0; i < TILE; i += ROWS) {
        __m512 held[ROWS][3] = {};
        multiply(held, left + i * pairs, pairs, by_width + block * pairs, BLOCK, pairs);
#pragma GCC unroll 8
        for (int64_t r = 0; r < ROWS; ++r) {
#pragma GCC unroll 3
          for (int64_t j = 0; j < 3; ++j) {
            _mm256_storeu_si256((__m256i*)(logits + (i + r) * columns + block + LANES * j),
                                narrowed(held[r][j]));
            most[i + r] = _mm512_mask_max_ps(most[i + r], there[j], held[r][j], most[i + r]);
          }
        }
      }
    }

    for (int64_t i = 0; i < TILE; i += 2)
      differentiate(start + within + i, logits + i * columns, most + i,
                    gradient + (within + i) / 2 * columns);

    for (int64_t k = 0; k < columns / 2; k += DEPTH)
      for (int64_t i = 0; i < TILE; i += 6)
        for (int64_t d = 0; d < deep; d += WIDTH)
          multiply_add<6, 4>(of_tile + i * deep + d, deep,
                             (const Pair*)(logits + i * columns) + k, columns / 2,
                             by_vocab + (k * deep + d), deep, std::min(DEPTH, columns / 2 - k));
    for (int64_t i = 0; i < std::min(TILE, n - start - within); ++i)
      for (int64_t d = 0; d < width; ++d)
        grad_rows[(start + within + i) * width + d] = rounded_to_bfloat16(of_tile[i * deep + d]);
  }

  // Two rows of logits become their gradients, in place and as pairs. `most` holds the largest of
  // each row by lanes. Rows beyond the last have hidden states of zero, so that theirs add nothing.
  void differentiate(int64_t row, Bits* logits, const __m512* most, Pair* as_pairs) const {
    const __m512 scale = _mm512_set1_ps(-of_target);
    __m512 largest[2], of_sum[2];
    for (int i = 0; i < 2; ++i) {
      Bits* x = logits + i * columns;
      std::fill(x + vocab, x + columns, rounded_to_bfloat16(NOTHING));  // no probability
      const Bits of_all = rounded_to_bfloat16(_mm512_reduce_max_ps(most[i]));
      largest[i] = _mm512_set1_ps(widened(of_all));
      __m512 sum = _mm512_setzero_ps();
      for (int64_t v = 0; v < columns; v += LANES)
        sum = _mm512_add_ps(sum, exponential(_mm512_sub_ps(load(x + v), largest[i])));
      // torch's kernel for bfloat16 keeps the sum in bfloat16, and then its logarithm.
      float total = _mm512_reduce_add_ps(sum);
      if (rounded) total = widened(rounded_to_bfloat16(total));
      float log_total = std::log(total);
      if (rounded) log_total = widened(rounded_to_bfloat16(log_total));
      of_sum[i] = _mm512_set1_ps(log_total);
      if (row + i < n) {
        const float at = widened(x[targets[row + i]]);
        const float log_p = at - _mm512_cvtss_f32(largest[i]) - _mm512_cvtss_f32(of_sum[i]);
        of_targets[row + i] = rounded ? widened(rounded_to_bfloat16(log_p)) : log_p;
      }
    }
    for (int64_t v = 0; v < columns; v += LANES) {
      __m512i pair[2];
      for (int i = 0; i < 2; ++i) {
        Bits* x = logits + i * columns + v;
        __m512 log_p = _mm512_sub_ps(_mm512_sub_ps(load(x), largest[i]), of_sum[i]);
        if (rounded) log_p = widened(narrowed(log_p));
        const __m256i grad = narrowed(_mm512_mul_ps(exponential(log_p), scale));
        _mm256_storeu_si256((__m256i*)x, grad);
        pair[i] = _mm512_cvtepu16_epi32(grad);
      }
      _mm512_storeu_si512(as_pairs + v, _mm512_or_si512(pair[0], _mm512_slli_epi32(pair[1], 16)));
    }
    for (int i = 0; i < 2; ++i) {
      if (row + i >= n) continue;
      const int64_t target = targets[row + i];
      const float p = std::exp(of_targets[row + i]);
      const Bits grad = rounded_to_bfloat16(of_target - p * of_target);
      logits[i * columns + target] = grad;
      const int shift = 16 * i;
      as_pairs[target] = (as_pairs[target] & ~(0xffffu << shift)) | Pair(grad) << shift;
    }
  }
};

}  // namespace

extern "C" void cross_entropy(const uint16_t* rows, const uint16_t* tied, const int64_t* targets,
                              int64_t n, int64_t width, int64_t vocab, int threads,
                              float of_target, bool rounded, float* of_targets,
                              uint16_t* grad_rows, uint16_t* grad_tied) {
  Head{rows,    tied,      targets, n,          width,     vocab,
       threads, of_target, rounded, of_targets, grad_rows, grad_tied}
      .run();
}
