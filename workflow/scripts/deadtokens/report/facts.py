"""Where the findings find what they say: the place of each fact in the file that holds it.

By the name of the file; keys with dots between them, as verdicts have them, and in braces what the
template says: `onset("effect", arm="float32_both")`. Where an analysis moves a key it is moved
here, and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

from deadtokens.report import verdicts

FACTS = {
    "verdicts.json": {name: name for name in ("counts", "counts_by_kind", "chapters", "verdicts")},
    "phases.json": {
        **{"tokens": "tokens", "steps": "steps"},
        "phases_of_elements": "scales.element.phases",
        "phases_of_vectors": "scales.vector.phases",
        "moving_at_the_end": "motion.tokens_moving_at_last_step",
    },
    "freezing.json": {
        **{"steps": "steps", "last_motion": "global_last_motion", "median": "median"},
        **{"still_for": "still_for", "confidence": "confidence", "too_short": "too_short"},
        **{"tokens": "tokens", "stopped": "stopped", "censored": "censored"},
        **{"share_stopped": "share_stopped", "elements": "elements"},
        **{"median_low": "median_low", "median_high": "median_high"},
        "counted": "elements.by_number_counted",
        "at_power_of_two": "elements.at_power_of_two",
        "duration": "fimbulwinter_duration",
        "with_norm": "correlation_with_initial_norm",
        "with_norm_relative": "correlation_with_initial_norm_relative",
        "with_id": "correlation_with_id",
    },
    "stillness.json": {"count": "count", "longest": "longest"},
    "permanence.json": {
        **{"confidence": "confidence", "block_steps": "block_steps", "still_for": "still_for"},
        "elements_still_for": "elements.still_for",
        "final": "final_silence",
        "fell": "fell_by_at_least",
    },
    "momentum.json": {"last_crossing": "crossing_against_last_motion.optimizer.share_equal"},
    "gradients.json": {"cosine": "mean_over_steps.pairwise_cosine", "tests": "cohort_tests"},
    "drift.json": {"steps": "steps", "clouds": "clouds", "separation": "separation"},
    "account.json": {
        **{"from_step": "from_step", "window": "window", "terms": "terms"},
        "change": "change_over_last_window",
        "gradient": "gradient_over_last_window",
        "below_half_cell": "below_half_cell",
    },
    "onset.json": {
        **{"reference": "reference", "tokens": "tokens", "arms": "arms"},
        **{"steps": "through_step", "still_for": "still_for", "intervals": "intervals"},
        "goes_away": "effects.tokens.goes_away.arms",
        "interactions": "effects.tokens.goes_away.interactions",
    },
    "kick.json": {
        **{"tokens": "tokens", "seam": "seam", "window": "window"},
        "ratio": "{series}.kick_ratio",
        "over_continuous": "stitched.kick_over_continuous",
        "beyond_chance": "continuous.kick_ratio.beyond_pseudo_seams",
        "pseudo_seams": "continuous.pseudo_seams",
        "total": "contributions.total",
        "parts": "contributions.parts",
        "part": "contributions.parts.name={part}",
        "equal_steps": "continuation.equal_at_the_seam.whole=True.equal_steps",
    },
    "black_holes.json": {
        **{"arms": "arms", "steps": "steps", "intervals": "intervals"},
        **{"first_arm": "first_arm", "cloud": "published_cloud"},
        **{"spreads": "published_cloud.spreads", "by_chance": "at_power_of_two_by_chance"},
        "at_that_of_vectors": "published_cloud.at_that_of_vectors",
        "octaves_off": "published_cloud.octaves_off_published",
    },
    "machines.json": {name: name for name in ("runs", "steps", "machines")},
    "forecast.json": {
        **{"state_step": "state_step", "methods": "methods", "chosen": "chosen"},
        **{"p": "test.p", "units": "test.units", "detectable": "test.detectable"},
    },
}

# Tables: heading, place within an entry, how it is written (`wording.WAYS`, `changes`, `text`).
COLUMNS = {
    "machines": (
        ("trained on", "device", "text"),
        ("torch", "torch", "text"),
        ("products of matrices", "matmul_backend", "text"),
        ("threads", "threads", "text"),
        ("digest of the code", "code", "digest"),
        ("runs", "runs", "count"),
        ("steps", "steps", "count"),
    ),
    "phases": (
        ("half of the tokens in it or colder, first step", "majority.first", "count"),
        ("for good from step", "majority.for_good", "count"),
        ("vanished, first step", "vanished.first", "count"),
    ),
    "silences": (("steps", "length", "count"), ("first step", "start", "count")),
    "counted": (
        ("elements counted", "counted", "count"),
        ("stopped", "share_stopped", "percent"),
        ("median last motion, step", "median", "count"),
    ),
    "still_for": (
        ("rate of each per step", "rate", "significant"),
        ("lower bound", "lower_bound", "significant"),
        ("upper bound", "upper_bound", "significant"),
        ("upper bound by the pushes seen", "upper_bound_as_seen", "significant"),
        ("upper bound, if none moved together", "poisson_upper_bound", "significant"),
    ),
    "cohort_tests": (
        ("mean cosine within cohorts", "within", "significant"),
        ("its excess over shuffles, in their sd", "excess_over_sd", "significant"),
        ("p", "p_value", "significant"),
    ),
    "clouds": (
        ("tokens", "tokens", "count"),
        ("straightness, as stored", "as_stored.centroid_straightness", "significant"),
        ("relative", "relative.centroid_straightness", "significant"),
        (
            "cosine of the displacement with the mean of h_mean, as stored",
            "as_stored.centroid_displacement_cosine_with_mean_h",
            "significant",
        ),
        (
            "the same, relative",
            "relative.centroid_displacement_cosine_with_mean_h",
            "significant",
        ),
    ),
    "arms": (
        ("what it changes", "changes", "changes"),
        ("random seeds", "seeds", "joined"),
        ("tokens at rest at the end", "tokens.still", "percent"),
        ("the same if elements were independent", "tokens.still_if_independent", "percent"),
        ("elements at rest at the end", "elements.still", "percent"),
        ("tokens that move then, per step", "tokens.rate", "percent"),
        ("mean onset of tokens, step", "tokens.onset", "count"),
        ("median onset", "tokens.median_onset", "count"),
        ("mean onset of elements", "elements.onset", "count"),
        ("of the rest of tokens, what goes away", "goes_away", "percent"),
    ),
    "interactions": (("interaction", "", "percent"),),
    "parts": (
        ("part", "name", "text"),
        ("log kick ratio", "value", "significant"),
        ("from", "interval_over_pseudo_seams.0", "significant"),
        ("to", "interval_over_pseudo_seams.1", "significant"),
        ("as a factor", "value", "factor"),
        ("share of the whole", "share", "percent"),
        ("share from", "share_over_pseudo_seams.0", "percent"),
        ("share to", "share_over_pseudo_seams.1", "percent"),
    ),
    "black_holes": (
        ("what it changes", "changes", "changes"),
        ("random seeds", "seeds", "joined"),
        ("initial spread", "spread", "significant"),
        ("vectors, training", "at_last_step.training.vectors", "count"),
        ("all pushed alike", "at_last_step.pushed.vectors", "count"),
        ("moved as their mean", "at_last_step.stepwise.vectors", "count"),
        ("the same, rounded once", "at_last_step.at_once.vectors", "count"),
        ("formula", "at_last_step.formula.vectors", "count"),
    ),
    "black_hole_tokens": (
        ("training", "at_last_step.training.black_hole_tokens", "count"),
        ("all pushed alike", "at_last_step.pushed.black_hole_tokens", "count"),
        ("moved as their mean", "at_last_step.stepwise.black_hole_tokens", "count"),
        ("the same, rounded once", "at_last_step.at_once.black_hole_tokens", "count"),
        ("formula", "at_last_step.formula.black_hole_tokens", "count"),
        ("black holes, training", "at_last_step.training.black_holes", "count"),
        ("the most populous", "at_last_step.training.largest_population", "count"),
    ),
    "coalescences": (
        ("coalescences, training", "meetings.training.coalescences", "count"),
        ("evaporations", "meetings.training.evaporations", "count"),
        ("met in coarser cells", "meetings.training.share_coarser", "percent"),
        ("elements that differed: coarser", "meetings.training.changes_coarser", "percent"),
        ("base rate", "meetings.training.others_coarser", "percent"),
        ("coalescences, all pushed alike", "meetings.pushed.coalescences", "count"),
    ),
    "common_update": (
        ("explains all tokens", "common_update.elements", "percent"),
        ("of tokens", "common_update.tokens", "percent"),
        (
            "elements at a power of two at the end",
            "at_last_step.training.at_power_of_two",
            "percent",
        ),
        ("the same, all pushed alike", "at_last_step.pushed.at_power_of_two", "percent"),
    ),
    "predictions": (
        ("all pushed alike", "errors.pushed.vectors", "significant"),
        ("moved as their mean", "errors.stepwise.vectors", "significant"),
        ("the same, rounded once", "errors.at_once.vectors", "significant"),
        ("formula", "errors.formula.vectors", "significant"),
    ),
    "likeness": (
        ("training", "octaves_off_published.training", "significant"),
        ("all pushed alike", "octaves_off_published.pushed", "significant"),
    ),
    "quantiles": (
        ("median", "median", "significant"),
        ("5%", "low", "significant"),
        ("95%", "high", "significant"),
    ),
    "methods": (
        ("what it predicts from", "meaning", "text"),
        ("index on the seeds that it was chosen on", "cross_validated", "significant"),
        ("index on the others", "index", "significant"),
    ),
}


def fact(file: str, found: Mapping[str, Any], name: str, **keys: str) -> Any:
    """A fact of a file's content.

    KeyError for a name that is none, `verdicts.Missing` where the file has no such key.
    """
    return verdicts.statistic(found, FACTS[file][name].format(**keys))
