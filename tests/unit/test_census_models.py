"""Models in folders, as transformers saves them: what is found, and what is said if it is wrong."""

import json
from pathlib import Path

import numpy as np
import plain_census as plain
import pytest
import torch
from plain_census import RULES
from planted import run_script
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from deadtokens.census import counting, matrices, tokens
from deadtokens.errors import UserError
from deadtokens.files import model_folder
from planning import censuses, inputs, resources, schema, slices
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
ROWS, WIDTH = 300, 48
SMALL = {"hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1}
SMALL |= {"num_attention_heads": 2, "num_key_value_heads": 2}
KINDS = {
    "gpt2": (GPT2LMHeadModel, GPT2Config, {"n_embd": WIDTH, "n_layer": 1, "n_head": 2}),
    "llama": (LlamaForCausalLM, LlamaConfig, SMALL),
    "qwen": (Qwen2ForCausalLM, Qwen2Config, SMALL),
}


def save(folder: Path, kind: str, tied: bool, dtype=torch.bfloat16, shards="1GB") -> np.ndarray:
    """A model whose input embeddings are the planted matrix, its output, if untied, in reverse."""
    model, config, settings = KINDS[kind]
    made = model(config(vocab_size=ROWS, tie_word_embeddings=tied, **settings)).to(dtype)
    bits, _ = plain.planted()
    values = torch.from_numpy(bits).view(torch.bfloat16).to(dtype)
    with torch.no_grad():
        made.get_input_embeddings().weight[:] = values
        if not tied:
            made.get_output_embeddings().weight[:] = values.flip(0)
    made.save_pretrained(folder, safe_serialization=True, max_shard_size=shards)
    return bits


def save_tokenizer(folder: Path, size: int, unused: int = 0) -> None:
    names = [f"[unused{n}]" if n < unused else f"w{n}" for n in range(size)]
    made = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token=names[-1]))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(folder / "tokenizer.json"))


def entry(**given) -> dict:
    return schema.completed({"mine": given}, SCHEMA["$defs"]["census"])["mine"]


def asked(**given) -> tuple[dict, dict]:
    return {"census": {"mine": entry(**given)}, "runs": {}}, {"census": "mine"}


@pytest.mark.parametrize(("tied", "shards"), [(True, "1GB"), (False, "1GB"), (False, "20KB")])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *((kind, torch.bfloat16) for kind in KINDS),
        *(("llama", dtype) for dtype in (torch.float32, torch.float16)),
    ],
    ids=str,
)
def test_planted_holes_are_found_in_models_of_every_kind(tmp_path, kind, tied, shards, dtype):
    bits = save(tmp_path, kind, tied, dtype, shards)
    configuration, wildcards = asked(folder=str(tmp_path))
    given = slices.census(configuration, wildcards)
    files = [Path(path) for path in inputs.census_weights(configuration, wildcards)]
    assert given["tied"] is tied
    assert [*given["matrices"]] == (["input"] if tied else ["input", "output"])
    every = {*tmp_path.glob("*.safetensors")}
    assert {*files} <= every
    if shards != "1GB":
        assert len(every) > len(files)  # only what is needed
    for role, name in given["matrices"].items():
        found, form = matrices.of_tensor(files, name)
        matrix = counting.Matrix(role, found, form, tokens.without_tokenizer(range(ROWS)))
        readings = counting.count(matrix, RULES, 0.02, 0.5).summary["readings"]
        names = {torch.bfloat16: [], torch.float16: ["float16"], torch.float32: ["float32"]}[dtype]
        assert [*readings] == [*names, "bfloat16"]
        if dtype == torch.float16:  # which has not all of the planted bfloat16 values
            assert readings["bfloat16"]["populations"][:3] == [40, 7, 3]
            continue
        for reading in readings.values():
            assert reading["populations"] == [40, 7, 3, 2]
        # A lattice step of bfloat16 is 65,536 of float32.
        pairs = {"bfloat16": 3, "float32": 0}
        assert {n: r["adjacency"]["pairs"] for n, r in readings.items()} == {
            n: pairs[n] for n in readings
        }
        exact = found if dtype == torch.bfloat16 else (found >> 16).astype(np.uint16)
        np.testing.assert_array_equal(exact, bits if role == "input" else bits[::-1])


def test_the_input_matrix_alone_counts_where_the_configuration_ties_what_the_file_holds_twice(
    tmp_path,
):
    save(tmp_path, "llama", tied=False)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    found = model_folder.find(str(tmp_path))
    assert (found.tied, [*found.matrices], found.tokenizer) == (True, ["input"], None)


def test_the_program_names_tokens_and_counts_padded_rows_apart(tmp_path):
    save(tmp_path, "llama", tied=True)
    save_tokenizer(tmp_path, 290, unused=9)
    configuration, wildcards = asked(folder=str(tmp_path))
    outputs = {n: tmp_path / f"{n}.csv" for n in ("vectors", "tokens", "components")}
    done = run_script(
        *("compute_census", "--settings", slices.census(configuration, wildcards), "--weights"),
        *(*inputs.census_weights(configuration, wildcards), "--tokenizer"),
        *(inputs.census_tokenizer(configuration, wildcards), "--masks"),
        *("--summary", tmp_path / "census.json"),
        *(word for name, path in outputs.items() for word in (f"--{name}", path)),
    )
    assert done.returncode == 0, done.stderr
    matrix = json.loads((tmp_path / "census.json").read_text())["matrices"]["input"]
    assert matrix["readings"]["bfloat16"]["tokens"] == 290
    assert matrix["readings"]["bfloat16"]["padded"]["rows"] == 10
    assert {g["value"]: g["tokens"] for g in matrix["groups"] if g["by"] == "kind"} == {
        **{"plain": 280, "special": 1, "unused": 9}
    }
    indicators = matrix["indicators"]
    assert indicators["known_unused"] == 10 + 5  # half of nine, and the padded rows
    assert (indicators["judged"], indicators["unused_among_judged"]) == (285, 4)
    lines = outputs["tokens"].read_text("utf-8").splitlines()
    assert len(lines) == 301
    columns = lines[0].split(",")
    assert columns[:5] == ["matrix", "reading", "token_id", "token", "script"]
    last = dict(zip(columns, lines[-1].split(","), strict=True))
    assert (last["kind"], last["token"], last["population"]) == ("padded", "", "")


def refused(match: str, **given) -> None:
    configuration, wildcards = asked(**given)
    for ask in (inputs.census_weights, slices.census, resources.memory_of_census):
        with pytest.raises(ConfigurationError, match=match) as error:
            ask(configuration, wildcards)
        assert str(error.value).startswith("census.mine")


def test_what_is_wrong_with_a_folder_is_said_before_any_job(tmp_path):
    folder = str(tmp_path)
    refused("there is no such folder", folder=f"{folder}/nowhere")
    refused(r"no weights: expected model\.safetensors", folder=folder)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    refused(r"pytorch_model\.bin: pickled weights, which can run any code", folder=folder)
    (tmp_path / "model.safetensors").write_bytes(b"no")
    refused("no safetensors file, or damaged", folder=folder)
    save_file({"mlp.weight": torch.zeros(3, 3)}, tmp_path / "model.safetensors")
    refused("config.json: there is no such file", folder=folder)
    (tmp_path / "config.json").write_text("{}")
    refused(r"no input embeddings among its 1 tensors \(mlp\.weight", folder=folder)
    two = {f"{side}.embed_tokens.weight": torch.zeros(3, 3) for side in ("encoder", "decoder")}
    save_file(two, tmp_path / "model.safetensors")
    refused("2 tensors may be the input embeddings", folder=folder)
    save_file({"a.embed_tokens.weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    refused(r"has the shape \[3\]; expected a matrix", folder=folder)
    save_file({"a.embed_tokens.weight": torch.zeros(3, 3).long()}, tmp_path / "model.safetensors")
    refused("is I64; expected one of BF16, F16", folder=folder)
    index = {"weight_map": {"a.embed_tokens.weight": "one.safetensors"}}
    (tmp_path / model_folder.INDEX).write_text(json.dumps(index))
    refused(r"one\.safetensors of model\.safetensors\.index\.json is missing", folder=folder)
    index["weight_map"]["a.embed_tokens.weight"] = "../one.safetensors"
    (tmp_path / model_folder.INDEX).write_text(json.dumps(index))
    refused(r"'\.\./one\.safetensors' is no file of this folder", folder=folder)


def test_what_is_wrong_with_a_file_is_said_before_any_job(tmp_path):
    file = str(tmp_path / "one.safetensors")
    given = {"source": "tensor", "file": file, "tensor": "model.embed"}
    refused("there is no such file", **given)
    save_file({"model.embeds": torch.zeros(3, 3), "loss": torch.zeros(3)}, file)
    refused(r"no tensor model\.embed; the nearest names are model\.embeds", **given)
    given["tensor"] = "model.embeds"
    configuration, wildcards = asked(**given)
    assert slices.census(configuration, wildcards)["matrices"] == {"matrix": "model.embeds"}
    refused("pickled weights", **(given | {"file": "weights.bin"}))
    save_file({"model.embeds": torch.zeros(100_000, 2_000, dtype=torch.bfloat16)}, file)
    refused(
        "takes up to 1,496 MB of memory; allowed by census.mine.memory_mb: 1,000",
        **given,
        memory_mb=1000,
    )
    given |= {"tokenizer_file": str(tmp_path / "none.json")}
    with pytest.raises(ConfigurationError, match=r"census\.mine\.tokenizer_file is .*no such file"):
        inputs.census_tokenizer(*asked(**given))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"source": "model"}, "folder is missing; allowed with source: model: folder set"),
        ({"source": "tensor", "file": "a"}, "tensor is missing"),
        ({"folder": "a", "run": "crucible2"}, "run is crucible2, but .*source is model"),
        ({"folder": "a", "step": 3}, "step is 3, but .*source is model"),
        ({"source": "run", "run": "crucibel"}, "'crucibel', no entry of runs. Did you mean"),
        ({"source": "run", "run": "mine", "step": 41}, "has 40 steps, and step 41 is asked for"),
        ({"source": "run", "run": "none"}, "none does not record W"),
        ({"folder": "a", "unused_pattern": "("}, "allowed: a regular expression"),
        ({"folder": "a", "exponents_shown": 4}, "allowed: at least exponent_cut, 5"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_with_its_key(given, match):
    runs = {
        "crucible2": {"record": ["W"], "total_steps": 500},
        "mine": {"record": ["W"], "total_steps": 40},
        "none": {"record": ["loss"], "total_steps": 40},
    }
    with pytest.raises(ConfigurationError, match=match) as error:
        censuses.check("census.a", entry(**given), {"runs": runs})
    assert str(error.value).startswith("census.a")


def test_a_tokenizer_with_more_entries_than_rows_is_refused(tmp_path):
    save_tokenizer(tmp_path, 301)
    with pytest.raises(UserError, match="has ids up to 300, but the matrix 300 rows"):
        tokens.load(tmp_path / "tokenizer.json", ROWS)
    assert tokens.load(tmp_path / "tokenizer.json", 301) is not None
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="is no tokenizer"):
        tokens.load(tmp_path / "tokenizer.json", ROWS)


def test_a_matrix_without_a_finite_row_is_refused_by_the_program_too(tmp_path):
    save_file({"a": torch.full((4, 3), torch.nan)}, tmp_path / "one.safetensors")
    configuration, wildcards = asked(
        source="tensor", file=str(tmp_path / "one.safetensors"), tensor="a"
    )
    names = ("summary", "vectors", "tokens", "components")
    done = run_script(
        *("compute_census", "--settings", slices.census(configuration, wildcards), "--weights"),
        tmp_path / "one.safetensors",
        *(word for name in names for word in (f"--{name}", tmp_path / name)),
    )
    assert done.returncode == 1
    assert "matrix: not one row is finite" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "summary").exists()


def test_a_file_that_was_exchanged_since_it_was_planned_is_refused(tmp_path):
    save_file({"b": torch.zeros(4, 3), "c": torch.zeros(4)}, tmp_path / "one.safetensors")
    with pytest.raises(UserError, match="no tensor a; the nearest names are b, c"):
        matrices.of_tensor([tmp_path / "one.safetensors"], "a")
    with pytest.raises(UserError, match="expected a matrix, a row per token"):
        matrices.of_tensor([tmp_path / "one.safetensors"], "c")
    assert load_file(tmp_path / "one.safetensors")["b"].shape == (4, 3)
