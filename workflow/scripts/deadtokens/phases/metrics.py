"""Loss, motion and phases in the long form that TensorBoard and Weights & Biases take: a row each.

Names with a slash are grouped there: `element/Thermal Solid` stands in the chapter `element`.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMNS = ("step", "name", "value")


def table(loss: np.ndarray, phases: pd.DataFrame, summary: Mapping) -> pd.DataFrame:
    """A row for each step and name with a value, by step: step, name, value.

    loss: (T+1,) float32, that of step t in row t. phases, summary: phases.csv and phases.json of
    the run. `loss` is the training loss of the step, `moving` the share of tokens that move,
    `element/PHASE` and `vector/PHASE` the shares that are in each phase.
    """
    columns = {"loss": pd.Series(loss[1:].astype(np.float64)), "moving": phases["moving"]}
    for scale, of_scale in summary["scales"].items():
        for phase, described in of_scale["phases"].items():
            columns[f"{scale}/{phase}"] = phases[described["column"]]
    wide = pd.DataFrame({"step": phases["step"], **columns})
    long = wide.melt("step", var_name="name", value_name="value").dropna(subset="value")
    return long.sort_values("step", kind="stable", ignore_index=True)[[*COLUMNS]]
