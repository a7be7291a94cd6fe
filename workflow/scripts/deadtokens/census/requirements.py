"""Which matrices can have a census, and which runs one in time; and what a census takes."""

from collections.abc import Mapping

from deadtokens.recorded.requirements import why_no_population, why_no_quantities

ELEMENT_BYTES = {"BF16": 2, "U16": 2, "F16": 2, "F32": 4}
AS_THEY_ARE = ("BF16", "U16")  # of bfloat16 already, so that nothing is rounded
ROUNDED_BYTES = 2
BLOCK_BYTES = 400_000_000  # blocks of rows in float64, and the program itself
TABLE_BYTES = 2000  # of a row in tokens.csv and what it is made from


def why_no_census(name: str, run: Mapping, step: int | None) -> str | None:
    """Of W after a step of a run, None for its last."""
    reason = why_no_quantities(name, run, "W")
    if reason is None and step is not None and step > run["total_steps"]:
        return (
            f"{name} has {run['total_steps']:,} steps, and step {step:,} is asked for. Set step to "
            "one of them, or to null for the last."
        )
    return reason


def why_no_census_in_time(name: str, run: Mapping, population: str) -> str | None:
    """Of W at every step."""
    return why_no_population(name, run, population, "W")


def why_no_null_census_in_time(name: str, run: Mapping) -> str | None:
    """Of a run whose dead rows are recorded from initial weights on that its settings draw."""
    if run["trajectory_file"] is not None:
        return (
            f"{name} has trajectory_file: {run['trajectory_file']}, so it was made elsewhere. The "
            "null model moves the cloud that a run began with, in float32, which is known of runs "
            "that are trained here: ask for it for one of these."
        )
    if run["resume_run"] is not None:
        return (
            f"{name} has resume_run: {run['resume_run']}. The null model moves the cloud that a "
            "run began with, before it was rounded: ask for it for a run that begins at step 0."
        )
    if run["weight_precision"] == "centred":
        return (
            f"{name} has weight_precision: centred, which rounds W without what its rows have in "
            "common. The null model rounds W itself: ask for it for a run of another "
            "weight_precision."
        )
    return why_no_quantities(name, run, "W")


def memory_mb(rows: int, dimensions: int, dtype: str) -> int:
    """What the census of a matrix takes at most: itself, a copy if rows without a token lie between
    others, the same rounded to bfloat16, products of its columns, blocks of rows, tables."""
    rounded = 0 if dtype in AS_THEY_ARE else 2 * ROUNDED_BYTES
    matrix = rows * dimensions * (2 * ELEMENT_BYTES[dtype] + rounded)
    products = 3 * 8 * dimensions**2
    return (matrix + products + rows * TABLE_BYTES + BLOCK_BYTES) // 10**6
