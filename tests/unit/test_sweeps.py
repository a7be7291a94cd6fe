"""An entry with lists of values stands for a run for every combination of them."""

import pytest
import test_configuration

from deadtokens.comparison import sweep
from planning import sweeps
from planning.mistakes import ConfigurationError


def resolved(**runs) -> dict:
    merged = test_configuration.DEFAULT["runs"] | runs
    return test_configuration.resolved(runs=merged)


def test_every_combination_is_a_run_with_the_rest_taken_over():
    entry = {"like": "crucible1", "notes": "seeds"}
    swept = {"random_seed": [1, 2], "learning_rate": [0.001, 0.0003]}
    found = resolved(seeds=entry | {"sweep": swept})
    names = ["seeds_1_0.001", "seeds_1_0.0003", "seeds_2_0.001", "seeds_2_0.0003"]
    assert [name for name in found["runs"] if name.startswith("seeds")] == names
    assert list(found["sweeps"]["seeds"]) == names
    assert found["sweeps"]["seeds"]["seeds_2_0.0003"] == {"random_seed": 2, "learning_rate": 0.0003}
    base = found["runs"]["crucible1"]
    for name, given in found["sweeps"]["seeds"].items():
        assert found["runs"][name] == base | given | {"notes": "seeds"}


def test_a_run_can_be_like_one_of_a_sweep_and_a_sweep_like_another_run():
    found = resolved(
        seeds={"like": "crucible1", "sweep": {"random_seed": [7]}},
        longer={"like": "seeds_7", "total_steps": 9},
    )
    assert found["runs"]["longer"]["random_seed"] == 7


def test_the_name_of_a_sweep_stands_for_its_runs_in_lists():
    runs = test_configuration.DEFAULT["runs"] | {
        "seeds": {"like": "crucible2", "sweep": {"random_seed": [1, 2]}}
    }
    found = test_configuration.resolved(runs=runs, comparison=["crucible2", "seeds"])
    assert found["comparison"] == ["crucible2", "seeds_1", "seeds_2"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sweep": {"random_seed": [1, 1]}}, "gives the name seeds_1 to two runs"),
        ({"sweep": {"corpus": ["a/b"]}}, "gives 'seeds_a/b' as the name of a run"),
        ({"sweep": {"random_seed": []}}, "runs.seeds.sweep.random_seed is \\[\\]"),
        ({"sweep": {"random_sed": [1]}}, "random_sed is no known key. Did you mean random_seed"),
        ({"sweep": {"random_seed": ["x"]}}, "runs.seeds_x.random_seed is 'x'; allowed: integer"),
    ],
)
def test_mistakes_in_a_sweep_are_reported(entry, message):
    with pytest.raises(ConfigurationError, match=message):
        resolved(seeds={"like": "crucible2"} | entry)


def test_a_sweep_may_not_take_the_name_of_another_run():
    with pytest.raises(ConfigurationError, match="gives the name a_1 to two runs"):
        sweeps.expanded({"a": {"sweep": {"random_seed": [1]}}, "a_1": {}})


def test_table_of_a_sweep_has_a_row_per_run_and_none_where_there_is_no_figure():
    given = {"s_1": {"random_seed": 1}, "s_2": {"random_seed": 2}}
    summaries = {
        "s_1": {"final_loss": 5.5, "freezing": [3, 7, None], "longest_stillness": [9, 4]},
        "s_2": {"final_loss": 5.25, "longest_stillness": []},
    }
    table = sweep.table(given, summaries)
    assert [*table][:3] == ["run", "random_seed", "final_loss"]
    first, second = table.to_dict("records")
    assert first["run"] == "s_1"
    assert [first[f"freezing_{name}"] for name in ("min", "median", "max")] == [3, 7, None]
    assert first["longest_stillness"] == 9
    assert second["final_loss"] == 5.25
    assert second["freezing_min"] is None
    assert second["longest_stillness"] is None
