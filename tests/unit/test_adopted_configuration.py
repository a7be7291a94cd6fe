"""Runs with a trajectory_file, and the published files: mistakes are found before any job."""

import copy
import os
import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, inputs, published, requirements, schema, slices, trainings
from planning.mistakes import ConfigurationError, RequestError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
NONE = {"flannel": {"source": "none"}, "wordybird": {"source": "none"}}


def resolved(runs=None, corpora=None, **changes) -> dict:
    given = copy.deepcopy(DEFAULT) | changes
    for table, entries in (("runs", runs), ("corpora", corpora)):
        for name, entry in (entries or {}).items():
            given[table][name] = {**given[table].get(name, {}), **entry}
    return configuration.resolve(given, SCHEMA)


def adopting(*names: str, **more) -> dict:
    runs = {name: {"trajectory_file": f"/elsewhere/{name}.file"} for name in names}
    return resolved(runs=runs, **more)


def nobody_makes(path):
    return False


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"keep_trajectory": False}, "keep_trajectory is false"),
        ({"trajectory_file": "results/crucible1/mine.safetensors"}, "lies in results/"),
        ({"trajectory_file": "./x/../results/mine"}, "lies in results/"),
        ({"trajectory_file": "/elsewhere/other.file"}, "name the same file"),
    ],
)
def test_what_cannot_be(entry, expected):
    runs = {"crucible1": {"trajectory_file": "/elsewhere/one.file"} | entry}
    runs |= {"crucible3": {"trajectory_file": "/elsewhere/other.file"}}
    with pytest.raises(ConfigurationError, match=expected):
        resolved(runs=runs)


def test_a_link_into_results_lies_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "results/mine")
    with pytest.raises(ConfigurationError, match="lies in results/"):
        resolved(runs={"crucible1": {"trajectory_file": "link"}})


def test_a_file_is_that_of_one_run_alone():
    """Crucible 1 and 3 are like Crucible 2."""
    runs = adopting("crucible2")["runs"]
    assert [name for name, run in runs.items() if run["trajectory_file"]] == ["crucible2"]


def test_what_a_training_gets_does_not_know_of_it():
    settings = slices.training(resolved(), {"run": "crucible2"})
    assert "trajectory_file" not in settings
    assert settings == slices.training(adopting("crucible2"), {"run": "crucible2"})


def test_no_rule_trains_it_and_one_adopts_it():
    found = adopting("crucible2", "thimble7")
    adoptions = {rule.name: rule.runs for rule in trainings.adoptions(found)}
    assert adoptions == {"adopt_trajectory": "crucible2", "adopt_trajectory_hdf5": "thimble7"}
    patterns = [rule.runs for rule in trainings.rules(found)]
    for name in found["runs"]:
        trained = [p for p in patterns if re.match(f"results/(?:{p})/", f"results/{name}/")]
        assert len(trained) == (name not in ("crucible2", "thimble7")), name


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("gone", "there is no such file"), ("folder", "it is a folder"), ("pipe", "named pipe")],
)
def test_a_file_that_is_none(tmp_path, kind, expected):
    path = tmp_path / "given"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    found = resolved(runs={"crucible1": {"trajectory_file": str(path)}})
    with pytest.raises(ConfigurationError, match=f"crucible1.trajectory_file.*{expected}"):
        inputs.adopted_file(found, {"run": "crucible1"}, nobody_makes)


def test_masks_are_the_files_own_or_given():
    found = adopting("crucible1", "wordybird1", corpora=NONE)
    assert inputs.masks(found, {"run": "crucible1"}) == "results/crucible1/masks.safetensors"
    assert inputs.masks_of_text(found, {"run": "crucible1"}) == []
    assert inputs.adopted_masks(found, {"run": "crucible1"}, nobody_makes) == []
    with pytest.raises(RequestError, match=r"Set corpora\.wordybird\.mask_file"):
        inputs.adopted_masks(found, {"run": "wordybird1"}, nobody_makes)
    of_text = adopting("crucible1")
    masks = "results/corpora/flannel/masks.safetensors"
    assert inputs.masks_of_text(of_text, {"run": "crucible1"}) == masks
    assert inputs.masks(of_text, {"run": "crucible2"}) == masks


def test_without_a_tokenizer_tokens_have_no_names():
    found = adopting("crucible1", "crucible3", corpora=NONE)
    for analysis in ("phases", "lifecycle", "stillness", "permanence", "displacement"):
        assert requirements.why_not(analysis, "crucible1", found) is None
    for analysis, name in (("freezing", "crucible1"), ("drift", "crucible3")):
        assert "tokenizer_file" in requirements.why_not(analysis, name, found)
    given = {"flannel": {"source": "none", "tokenizer_file": "t.json"}}
    found = adopting("crucible1", corpora=given)
    assert requirements.why_not("freezing", "crucible1", found) is None


def test_without_a_text_nothing_is_trained_or_counted():
    found = adopting("crucible1", corpora=NONE)
    for name in ("tokens.safetensors", "masks.json"):
        with pytest.raises(RequestError, match="flannel has source: none"):
            inputs.of_its_corpus(found, {"run": "crucible2"}, name)


def test_there_is_no_checkpoint_of_it():
    found = adopting("wordybird1", "wordybird1b")
    for name in ("wordybird3", "wordybird1b_weights"):
        with pytest.raises(RequestError, match="leaves no checkpoint"):
            inputs.checkpoint(found, {"run": name})
    found = adopting("wordybird3")
    assert inputs.checkpoint(found, {"run": "wordybird3"}).endswith("checkpoint_100.safetensors")


def test_a_run_and_its_beginning_are_of_the_same_origin():
    found = adopting("wordybird3")
    with pytest.raises(RequestError, match="wordybird1 would be trained here"):
        inputs.first_trajectory(found, {"run": "wordybird3"})
    both = adopting("wordybird1", "wordybird3")
    first = inputs.first_trajectory(both, {"run": "wordybird3"})
    assert first == "results/wordybird1/trajectory.safetensors"


def test_hidden_means_are_of_the_same_origin():
    with pytest.raises(RequestError, match=r"crucible3 would be trained"):
        inputs.hidden_mean(adopting("crucible2"), {"run": "crucible2"})
    both = adopting("crucible2", "crucible3")
    assert inputs.hidden_mean(both, {"run": "crucible2"}) == (
        "results/crucible3/trajectory.safetensors"
    )


def test_a_corpus_without_text_takes_no_text():
    with pytest.raises(ConfigurationError, match="source is 'none', which has no text"):
        resolved(corpora={"flannel": {"source": "none", "model_corpus_file": "x.txt"}})


@pytest.fixture
def folder(tmp_path):
    """The author's: names, in folders of theirs; contents do not matter here."""
    for place in ("data", "tensors/Flannel", "tensors/Crucible-1", "tensors/Wordybird"):
        (tmp_path / "azimuth" / place).mkdir(parents=True)
    for name in (
        "data/flannel_tokenizer_chars.json",
        "tensors/Flannel/live_dead_tokens.safetensors",
        "tensors/Flannel/thimble_7.h5",
        "tensors/Crucible-1/crucible_1_trajectory.safetensors",
        "tensors/Wordybird/1.12f_wordybird_1b.safetensors",
    ):
        (tmp_path / "azimuth" / name).write_text(name)
    return tmp_path / "azimuth"


def test_published_files_by_their_own_names(folder):
    found = resolved(inputs=str(folder))
    runs = {name: run["trajectory_file"] for name, run in found["runs"].items()}
    given = {name: Path(path).name for name, path in runs.items() if path}
    assert given == {
        "crucible1": "crucible_1_trajectory.safetensors",
        "thimble7": "thimble_7.h5",
        "wordybird1b": "1.12f_wordybird_1b.safetensors",
    }
    flannel = found["corpora"]["flannel"]
    assert flannel["source"] == "none"
    assert flannel["tokenizer_file"].endswith("flannel_tokenizer_chars.json")
    assert flannel["mask_file"].endswith("live_dead_tokens.safetensors")
    with pytest.raises(RequestError, match=r"not flannel_model_corpus\.txt\.$"):
        inputs.of_its_corpus(found, {"run": "crucible2"}, "tokens.safetensors")


def test_with_the_text_what_is_not_there_is_trained_on_it(folder):
    (folder / "data/flannel_model_corpus.txt").write_text("text")
    found = resolved(inputs={"folder": str(folder)})
    assert found["corpora"]["flannel"]["source"] == "files"
    tokens = inputs.of_its_corpus(found, {"run": "crucible2"}, "tokens.safetensors")
    assert tokens == "results/corpora/flannel/tokens.safetensors"


def test_a_series_of_which_nothing_is_given_stays_as_it_is(folder):
    (folder / "tensors/Wordybird/1.12f_wordybird_1b.safetensors").unlink()
    assert resolved(inputs=str(folder))["corpora"]["wordybird"]["source"] == "synthetic"
    assert resolved()["corpora"]["flannel"]["source"] == "synthetic"


def test_what_the_configuration_says_itself_goes_before(folder):
    own = {"crucible1": {"trajectory_file": "/mine"}, "thimble7": {"trajectory_file": None}}
    files = {"source": "files", "model_corpus_file": "m.txt", "tokenizer_file": "t.json"}
    found = resolved(runs=own, corpora={"flannel": files}, inputs=str(folder))
    assert found["runs"]["crucible1"]["trajectory_file"] == "/mine"
    assert found["runs"]["thimble7"]["trajectory_file"] is None
    assert found["corpora"]["flannel"]["model_corpus_file"] == "m.txt"


def test_mistakes_of_inputs(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        resolved(inputs=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="holds none of the published files"):
        resolved(inputs=str(tmp_path / "empty"))
    twice = {"crucible1": "/x/one.safetensors", "crucible2": "/x/./one.safetensors"}
    with pytest.raises(ConfigurationError, match="name the same file"):
        resolved(inputs=twice)
    (folder / "data/thimble_7.h5").write_text("another")
    with pytest.raises(ConfigurationError, match=r"holds thimble_7\.h5 more than once"):
        resolved(inputs=str(folder))
    found = resolved(inputs={"thimble7": str(folder / "data/thimble_7.h5")})
    assert found["inputs"] == {"thimble7": str(folder / "data/thimble_7.h5")}
    with pytest.raises(ConfigurationError, match=r"inputs\.mine is no known key"):
        resolved(inputs={"mine": "x"})


def test_every_published_name_has_a_key_of_the_schema():
    keys = SCHEMA["$defs"]["inputs"]["properties"]
    assert {*keys} == {"folder", *published.NAMES}
    for key, name in published.NAMES.items():
        assert name in keys[key]["description"]
