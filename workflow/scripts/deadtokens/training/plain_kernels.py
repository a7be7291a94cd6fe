"""What our kernels compute, in plain PyTorch and bit for bit: attention, the head, what they share.

The order of every sum is written out, for it decides bits: slow, and to be read beside the
kernels (`fused_attention.cpp`, `fused_head.cpp`, `kernels.h`) and held against them.
"""

import ctypes
import ctypes.util
import math

import torch
import torch.nn.functional as F

from deadtokens.training.reference import Operations

SUBNORMAL = 2.0**-126 - 2.0**-149  # the largest; any bfloat16 value above it is normal too
LANES = 16  # float32 values that the processor adds at once
# The kernels take two functions from the C library; torch's own differ in the last bit.
LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
LIBM.logf.restype = LIBM.expf.restype = ctypes.c_float
LIBM.logf.argtypes = LIBM.expf.argtypes = [ctypes.c_float]


def flushed(x: torch.Tensor) -> torch.Tensor:
    """Subnormal values become zero.

    The processor keeps the sign of that, and a zero that pads a sum then takes it away. Where a sum
    needs no padding a kernel can leave -0 where this leaves 0.
    """
    return F.hardshrink(x, SUBNORMAL)


def narrowed(x: torch.Tensor) -> torch.Tensor:
    """To bfloat16 as the processor's own instruction rounds."""
    return flushed(x).bfloat16()


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """float32 (..., n, m) of bfloat16 (..., n, k) and (..., k, m).

    The instruction VDPBF16PS adds two products to a sum, the second of a pair first, and each sum
    is rounded. The products are exact. Subnormal factors and sums count as zero.
    """
    k = left.shape[-1]
    left = flushed(F.pad(left.float(), (0, k % 2)))
    right = flushed(F.pad(right.float(), (0, 0, 0, k % 2)))
    sums = left.new_zeros(*left.shape[:-1], right.shape[-1])
    for pair in range(0, k, 2):
        for j in (pair + 1, pair):
            sums = flushed(sums.addcmul_(left[..., :, j, None], right[..., None, j, :]))
    return sums


def total(x: torch.Tensor) -> torch.Tensor:
    """Sums (..., 1) of float32 (..., n): by lanes in order, and then one half to the other."""
    x = F.pad(x, (0, -x.shape[-1] % LANES)).unflatten(-1, (-1, LANES))
    lanes = torch.zeros_like(x[..., 0, :])
    for i in range(x.shape[-2]):
        lanes += x[..., i, :]
    while lanes.shape[-1] > 1:
        low, high = lanes.chunk(2, dim=-1)
        lanes = low + high
    return lanes


def polynomial(x: torch.Tensor, *coefficients: float) -> torch.Tensor:
    """By Horner's rule, from the highest power down; each step is rounded once."""
    first, *others = (torch.tensor(c) for c in coefficients)
    value = first
    for c in others:
        value = c.addcmul(value, x)
    return value


def exponential(x: torch.Tensor) -> torch.Tensor:
    """e^x for x <= 0 to float32, as 2^n 2^r with |r| <= 1/2."""
    over_log_2, rest = torch.tensor(1.44269502), torch.tensor(1.92596303e-8)
    x = x.clamp(min=-110)
    n = (x * over_log_2).round()
    r = (-n).addcmul(x, over_log_2).addcmul(x, rest)
    of_2 = (1.53458124e-4, 1.33999309e-3, 9.61848907e-3, 5.55032864e-2, 0.240226462, 0.693147182)
    return torch.ldexp(polynomial(r, *of_2, 1.0), n)


def rough_exponential(x: torch.Tensor) -> torch.Tensor:
    """e^x for x <= 0 as torch's attention has it: it errs by 1e-4 (Malossi et al. 2015)."""
    least = -87.3365479  # below it the result is zero
    power = x.clamp(min=least) * 1.44269502
    fraction = power - power.floor()
    excess = polynomial(fraction, -0.0792042402, -0.224338365, 0.303542605, 1.07034349e-4)
    bits = torch.tensor(127.0 * 2**23).addcmul(power - excess, torch.tensor(2.0**23))
    return bits.int().view(torch.float32) * (x >= least)


class Attention(torch.autograd.Function):
    """Of query, key, value (B, H, L, E), bfloat16: each position attends to those up to itself."""

    @staticmethod
    def forward(ctx, query, key, value):
        scale = 1 / math.sqrt(query.shape[-1])
        scores = product(query, key.mT) * scale  # (B, H, L, L)
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
        largest = scores.amax(-1, keepdim=True)
        weights = rough_exponential(scores - largest)  # probabilities times their sum
        of_all = total(weights)
        out = (product(narrowed(weights), value) * (1 / of_all)).bfloat16()
        logsumexp = largest + of_all.apply_(LIBM.logf)
        ctx.save_for_backward(query, key, value, out, logsumexp, later)
        return out

    @staticmethod
    def backward(ctx, grad):
        query, key, value, out, logsumexp, later = ctx.saved_tensors
        scale = 1 / math.sqrt(query.shape[-1])
        probabilities = exponential(product(query, key.mT) * scale - logsumexp)
        probabilities = probabilities.masked_fill(later, 0)
        mean = total(grad.float() * out.float())  # of the probabilities' gradients
        of_scores = narrowed((product(grad, value.mT) - mean) * probabilities)
        return (
            (product(of_scores, key) * scale).bfloat16(),
            (product(of_scores.mT, query) * scale).bfloat16(),
            product(narrowed(probabilities).mT, grad).bfloat16(),
        )


class CrossEntropy(torch.autograd.Function):
    """Mean over rows (N, D) with W (V, D) and targets (N,), and both gradients.

    `softmax` is the type in which log-probabilities are kept. torch keeps the sum of the
    exponentials and its logarithm in that type too. Nobody scales the loss.
    """

    @staticmethod
    def forward(ctx, rows, W, targets, softmax=torch.bfloat16):
        def kept(x):
            return x.to(softmax).float()

        logits = narrowed(product(rows, W.T)).float()  # (N, V)
        logits -= logits.amax(1, keepdim=True)
        log_total = kept(kept(total(exponential(logits))).apply_(LIBM.logf))  # (N, 1)
        log_p = logits.sub_(log_total)
        at_targets = torch.arange(len(rows)), targets
        of_targets = kept(log_p[at_targets])  # (N,)
        of_mean = kept(-1 / torch.tensor(float(len(rows))))  # each log-probability's gradient
        log_p = narrowed(log_p).float() if softmax == torch.bfloat16 else log_p
        grad = narrowed(exponential(log_p) * -of_mean)  # of the logits
        p = of_targets.clone().apply_(LIBM.expf)
        grad[at_targets] = (of_mean - p * of_mean).bfloat16()
        ctx.save_for_backward(product(grad, W).bfloat16(), product(grad.T, rows).bfloat16())
        return F.nll_loss(of_targets[:, None].to(softmax), torch.zeros_like(targets))

    @staticmethod
    def backward(ctx, grad_output):
        return *ctx.saved_tensors, None, None


def cross_entropy(hidden: torch.Tensor, W: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean loss of hidden states (B, L, D), of which the first n predict the targets (B, n)."""
    rows = hidden[:, : targets.shape[1]].reshape(-1, hidden.shape[-1])  # (B n, D)
    return CrossEntropy.apply(rows, W, targets.reshape(-1))


KERNELS = Operations(Attention.apply, cross_entropy)
