"""Bad input ends in one message that helps, exit code 1, and nothing under a final name."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

OWN_FILES = "corpora: {flannel: {source: files, vocab_size: 300, model_corpus_file: model.txt, "
OWN_CORPORA = OWN_FILES + "tokenizer_corpus_file: tokenizer.txt}}"
OWN_TOKENIZER = OWN_FILES + "tokenizer_file: tokenizer.json}}"
OWN_MASKS = OWN_FILES + "tokenizer_corpus_file: tokenizer.txt, mask_file: masks.safetensors}}"

WORDS = "the cat sat on a mat while seven dogs walked past our old wooden house by night\n"
OTHERS = "zebra quartz jumped oxygen victory kitchen powder yellow rhythm flower change bottle\n"


@pytest.fixture
def own(fresh):
    """A project with small texts of the user's own."""
    fresh.write("model.txt", WORDS * 60)
    fresh.write("tokenizer.txt", WORDS * 20 + OTHERS * 20 + "ก ข ฃ ค ฅ ฆ ง จ ฉ ช ซ ฌ ญ ฎ ฏ ฐ\n")
    return fresh


def assert_absent(project, *names: str) -> None:
    assert [name for name in names if list((project.root / "results").rglob(name))] == []


def test_own_files_work(own):
    small = "runs: {crucible2: {total_steps: 3}}\n" + OWN_CORPORA.replace("300", "120")
    own.run("results/crucible2/phases.png", changes=small)


BAD_TEXTS = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "whitespace"),
    "not UTF-8": (b"good \xff bad", "not UTF-8"),
}


@pytest.mark.parametrize("name", ["model.txt", "tokenizer.txt"])
@pytest.mark.parametrize("kind", BAD_TEXTS)
def test_bad_text(own, name, kind):
    content, expected = BAD_TEXTS[kind]
    own.write(name, content)
    output = own.failure("results/crucible2/phases.png", changes=OWN_CORPORA)
    assert expected in output
    assert name in output
    assert_absent(own, f"{name.removesuffix('.txt')}_corpus.txt", "trajectory.safetensors")


def test_corpus_shorter_than_one_batch(own):
    own.write("model.txt", WORDS)
    changes = OWN_CORPORA.replace("300", "120")
    output = own.failure("results/crucible2/phases.png", changes=changes)
    assert "batch" in output
    assert_absent(own, "trajectory.safetensors", "metadata.json")


def test_tokenizer_corpus_too_small_for_the_vocabulary(own):
    changes = OWN_CORPORA.replace("300", "60000")
    output = own.failure("results/crucible2/phases.png", changes=changes)
    assert "60000" in output or "60,000" in output
    assert_absent(own, "tokenizer.json")


def test_file_that_is_no_tokenizer(own):
    own.write("tokenizer.json", '{"this is": "no tokenizer"}')
    output = own.failure("results/crucible2/phases.png", changes=OWN_TOKENIZER)
    assert "tokenizer.json" in output
    assert "error: " in output
    assert_absent(own, "tokens.safetensors")


def test_tokenizer_of_another_vocabulary_size(own, finished):
    ready = (finished.root / "results/corpora/flannel/tokenizer.json").read_bytes()
    own.write("tokenizer.json", ready)
    output = own.failure("results/crucible2/phases.png", changes=OWN_TOKENIZER)
    assert "800" in output
    assert "300" in output
    assert_absent(own, "tokens.safetensors")


CYRILLIC = "кот сидел на ковре\n"


@pytest.mark.slow
def test_a_text_that_the_tokenizer_loses(own):
    own.write("model.txt", (WORDS + CYRILLIC) * 60)
    changes = OWN_CORPORA.replace("300", "120")
    output = own.failure("results/corpora/flannel/masks.json", changes=changes)
    assert "model_corpus.txt: of 4680 characters that are no whitespace, 900 vanish" in output
    assert "max_lost_share of this corpus allows 1.00%" in output
    assert_absent(own, "tokens.safetensors", "tokens.json", "masks.json")
    allowed = changes.replace("vocab_size", "max_lost_share: 0.2, vocab_size")
    own.run("results/corpora/flannel/masks.json", changes=allowed)
    folder = own.root / "results/corpora/flannel"
    text = json.loads((folder / "masks.json").read_text("utf-8"))["text"]
    assert text == json.loads((folder / "tokens.json").read_text("utf-8"))
    assert (text["vanished"], text["lost_share"]) == (900, 900 / 4680)
    assert "19.2308 % of the text is lost" in (folder / "logs/encode_corpus.log").read_text()


def test_a_tokenizer_that_makes_the_library_panic(own):
    precompiled = {"type": "Precompiled", "precompiled_charsmap": "AAAAAAAA"}
    content = {"version": "1.0", "added_tokens": [], "normalizer": precompiled}
    content |= {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}
    own.write("tokenizer.json", json.dumps(content))
    output = own.failure("results/crucible2/phases.png", changes=OWN_TOKENIZER)
    assert "error: tokenizer.json is no tokenizer (index out of bounds" in output
    assert "stack backtrace" not in output
    assert_absent(own, "tokenizer.json", "tokens.safetensors")


def test_no_dead_token(own):
    """Single characters and the special token, all of which occur."""
    own.write("tokenizer.txt", WORDS * 60)
    own.write("model.txt", WORDS * 60 + "<|endoftext|>")
    entries = len(set("".join(WORDS.split()))) + 1
    changes = OWN_CORPORA.replace("300", str(entries))
    output = own.failure("results/corpora/flannel/masks.json", changes=changes)
    assert "no token is dead" in output
    assert_absent(own, "masks.safetensors", "masks.json")


@pytest.fixture
def masks(own):
    """Good masks of the own files, to be spoiled."""
    changes = OWN_CORPORA.replace("300", "120")
    own.run("results/corpora/flannel/masks.safetensors", changes=changes)
    tables = load_file(own.root / "results/corpora/flannel/masks.safetensors")
    (own.root / "results/corpora/flannel/masks.safetensors").unlink()
    (own.root / "results/corpora/flannel/masks.json").unlink()
    return tables


def with_masks(dead: np.ndarray, tables: dict) -> dict:
    return tables | {
        "dead_mask": dead,
        "live_mask": ~dead,
        "dead_indices": np.flatnonzero(dead),
        "live_indices": np.flatnonzero(~dead),
    }


def test_masks_of_another_length(own, masks):
    save_file(with_masks(masks["dead_mask"][:-1], masks), own.root / "masks.safetensors")
    changes = OWN_MASKS.replace("300", "120")
    output = own.failure("results/corpora/flannel/masks.json", changes=changes)
    assert "119" in output
    assert "120" in output
    assert_absent(own, "masks.safetensors", "masks.json")


def test_masks_that_call_a_token_dead_which_occurs(own, masks):
    dead = masks["dead_mask"].copy()
    dead[np.argmax(masks["token_occurrence_counts"])] = True
    save_file(with_masks(dead, masks), own.root / "masks.safetensors")
    changes = OWN_MASKS.replace("300", "120")
    output = own.failure("results/corpora/flannel/masks.json", changes=changes)
    assert str(masks["token_occurrence_counts"].max()) in output
    assert_absent(own, "masks.safetensors", "masks.json")


def test_truncated_trajectory(finished):
    path = finished.root / "results/crucible2/trajectory.safetensors"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    (finished.root / "results/crucible2/displacement.safetensors").unlink()
    output = finished.failure("results/crucible2/displacement.safetensors")
    assert "trajectory.safetensors: differs from what" in output
    assert not (finished.root / "results/crucible2/displacement.safetensors").exists()


def test_trajectory_without_weights(finished):
    path = finished.root / "results/crucible2/trajectory.safetensors"
    save_file({"loss": load_file(path)["loss"]}, path)
    (finished.root / "results/crucible2/displacement.safetensors").unlink()
    output = finished.failure("results/crucible2/displacement.safetensors")
    assert "trajectory.safetensors: differs from what" in output


@pytest.mark.parametrize("name", ["model_corpus.txt", "tokenizer.json", "tokens.safetensors"])
def test_disk_full_while_a_text_step_writes(finished, name):
    path = finished.root / "results/corpora/flannel" / name
    size = path.stat().st_size
    path.unlink()
    output = finished.failure(f"results/corpora/flannel/{name}", largest_file=size - 1)
    assert "error: " in output
    assert name in output.partition("error: ")[2].splitlines()[0]
    assert_absent(finished, name, f".partial.{name}")


@pytest.mark.slow
def test_disk_too_small_for_the_trajectory(fresh):
    fresh.run("results/corpora/flannel/masks.safetensors")
    output = fresh.failure("results/crucible2/trajectory.safetensors", largest_file=1_000_000)
    assert "The file needs" in output
    assert "bytes are free" in output or "are free there" in output
    left = [path.name for path in (fresh.root / "results/crucible2").iterdir() if path.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == []
