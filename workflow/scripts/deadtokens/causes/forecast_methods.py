"""Ways to predict a token's onset from what is known of it; each learns from the choosing seeds.

A method is given a table with a row per token, as `features` makes it, and the restricted onset of
each token (the latest that can be seen for a censored one), and makes a function from such a table
to predictions, (n,) float64. What is fitted is shifted by the median of its residuals, so that none
loses to a constant for predicting means where errors are absolute.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from deadtokens.causes.token_state import FEATURES, Known
from deadtokens.causes.trends import FORMS
from deadtokens.statistics import correlation

Model = Callable[[pd.DataFrame], np.ndarray]
Method = Callable[[pd.DataFrame, np.ndarray, float], Model]

CONSTANT = "constant"
SCRIPT = "script"  # a column of text beside the features


def features(known: Known, scripts: Sequence[str], tokens: np.ndarray) -> pd.DataFrame:
    """What a method is given of one cloud, of the tokens in a mask alone.

    `FEATURES`, the same as ranks in the cloud from 0 to 1 (`rank_NAME`) and in standard deviations
    from its mean (`relative_NAME`), the script, and the physical forecast of each form. All of it
    is known at the step of the state, of any cloud.
    """
    table = known.features[tokens].reset_index(drop=True)
    ranks = (table.rank() - 1) / max(1, len(table) - 1)
    spread = table.std(ddof=0)
    relative = (table - table.mean()) / spread.where(spread > 0, 1)
    physical = {_physical(form): known.physical[form][tokens] for form in FORMS}
    return pd.concat(
        [table, ranks.add_prefix("rank_"), relative.add_prefix("relative_")], axis="columns"
    ).assign(**{SCRIPT: np.array(scripts, object)[tokens]}, **physical)


def constant(table: pd.DataFrame, onset: np.ndarray, penalty: float) -> Model:
    """The median of what it learns from: the best constant for absolute errors."""
    median = float(np.median(onset))
    return lambda other: np.full(len(other), median)


def monotone(feature: str) -> Method:
    """Isotonic regression on a feature's rank in its cloud, rising or falling as learned.

    R. E. Barlow et al., Statistical Inference under Order Restrictions (1972). Which way is the
    sign of the rank correlation. Between what it learned from it goes straight.
    """
    column = f"rank_{feature}"

    def method(table: pd.DataFrame, onset: np.ndarray, penalty: float) -> Model:
        from scipy import optimize

        values, places = np.unique(table[column], return_inverse=True)
        counts = np.bincount(places)
        means = np.bincount(places, onset) / counts
        rising = (correlation.spearman(table[column].to_numpy(), onset) or 0) >= 0
        fitted = optimize.isotonic_regression(means, weights=counts, increasing=rising).x
        return _centred(lambda other: np.interp(other[column], values, fitted), table, onset)

    return method


def script(table: pd.DataFrame, onset: np.ndarray, penalty: float) -> Model:
    """The mean of the token's script; that of all tokens for a script that was not there."""
    means = pd.Series(onset).groupby(table[SCRIPT].to_numpy()).mean()
    return _centred(
        lambda other: other[SCRIPT].map(means).fillna(onset.mean()).to_numpy(float), table, onset
    )


def physical(form: str) -> Method:
    """The trends of |m|, √v and the cell drawn out (`causes.trends`): it learns nothing."""
    return lambda table, onset, penalty: lambda other: other[_physical(form)].to_numpy(float)


def ridge(prefix: str) -> Method:
    """Linear regression on all features, their names with a prefix, and scripts, standardised.

    A. E. Hoerl and R. W. Kennard, Technometrics 12 (1970), 55: (XᵀX + penalty·n·I) b = Xᵀ y.
    """
    columns = [f"{prefix}{name}" for name in FEATURES]

    def method(table: pd.DataFrame, onset: np.ndarray, penalty: float) -> Model:
        scripts = np.array(sorted(set(table[SCRIPT])), object)

        def numbers(other: pd.DataFrame) -> np.ndarray:
            of_script = other[SCRIPT].to_numpy()[:, None] == scripts
            return np.concatenate([other[columns].to_numpy(float), of_script], axis=1)

        learned = numbers(table)
        mean, spread = learned.mean(axis=0), learned.std(axis=0)
        spread[spread == 0] = 1
        x, n = (learned - mean) / spread, len(table)
        # Not @: the order of its sums follows the threads of a BLAS.
        square = np.einsum("ni,nj->ij", x, x) + penalty * n * np.eye(x.shape[1])
        slopes = np.linalg.solve(square, np.einsum("ni,n->i", x, onset - onset.mean()))

        def model(other: pd.DataFrame) -> np.ndarray:
            return onset.mean() + np.einsum("ni,i->n", (numbers(other) - mean) / spread, slopes)

        return _centred(model, table, onset)

    return method


def _physical(form: str) -> str:
    return f"physical_{form}"


def _centred(model: Model, table: pd.DataFrame, onset: np.ndarray) -> Model:
    shift = float(np.median(onset - model(table)))
    return lambda other: model(other) + shift


# All that is tried, declared before anything is looked at.
METHODS: dict[str, Method] = {
    CONSTANT: constant,
    **{f"monotone_{feature}": monotone(feature) for feature in FEATURES},
    SCRIPT: script,
    **{_physical(form): physical(form) for form in FORMS},
    "ridge": ridge(""),
    "ridge_relative": ridge("relative_"),
}
MEANINGS = {
    CONSTANT: "the median onset of the choosing seeds for every token",
    **{
        f"monotone_{name}": f"isotonic in the rank of: {meaning}"
        for name, meaning in FEATURES.items()
    },
    SCRIPT: "the mean onset of the token's script",
    **{
        _physical(form): f"trends of |m|, √v and the cell drawn out, {form.replace('_', ' ')}"
        for form in FORMS
    },
    "ridge": "linear regression on all features and scripts",
    "ridge_relative": "the same, each feature in standard deviations from the mean of its cloud",
}
