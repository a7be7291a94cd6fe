"""The table of all tokens: letters that can be seen, what text can reach, dead or live."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.text import listing

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/corpus/list_tokens.py"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the", "the"),
        (" the", "␣the"),
        ("\n\t\r", "\\n\\t\\r"),
        ("\\n", "\\\\n"),
        ("ก", "ก"),
        ("ั", "◌ั"),  # a Thai vowel that stands above another letter
        ("\u200b", "\\u{200b}"),
        ("\x00\xa0", "\\x00\\xa0"),
        ("<b>🙂", "<b>🙂"),
        ("", ""),
    ],
)
def test_text_is_shown_in_letters_that_can_be_seen(text, shown):
    assert listing.visible(text) == shown


def test_no_two_texts_look_alike():
    texts = [chr(i) for i in range(0x3000) if not 0xD800 <= i < 0xE000]
    texts += ["\\n", "\\x00", "\\u{200b}", "\\u{2423}", "◌ั"]
    assert len({listing.visible(text) for text in texts}) == len(set(texts)) == len(texts)


def words() -> Tokenizer:
    """Bytes; `the` is reached, `qz` never, for no merge makes it."""
    vocab = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    size = len(vocab)
    vocab |= {"th": size, "the": size + 1, "qz": size + 2}
    tokenizer = Tokenizer(models.BPE(vocab, [("t", "h"), ("th", "e")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def listed(tokenizer, count_of):
    counts = np.array([count_of(i) for i in range(tokenizer.get_vocab_size())])
    return listing.table(tokenizer, counts == 0, counts).set_index("visible")


def test_an_entry_is_reachable_if_its_text_gives_its_id_back():
    found = listed(words(), lambda i: 0)
    assert found.reachable[["the", "th", "a", "␣", "\\n", "<|endoftext|>"]].tolist() == [1] * 6
    assert found.reachable["qz"] == 0
    assert found.loc[found.script == "partial", "reachable"].isna().all()
    assert (found.script == "partial").sum() == 128  # bytes that are no character by themselves


def test_an_entry_that_continues_a_word_is_reachable_after_another():
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "«": 1, "a": 2, "##b": 3, "##zz": 4}))
    tokenizer.model.unk_token = "[UNK]"
    texts = ["[UNK]", "«", "a", "b", "zz"]
    assert listing.reachable(tokenizer, texts) == [True, True, True, True, True]
    assert listing.reachable(tokenizer, [*texts[:4], None])[4] is None


def test_every_id_has_its_own_row_with_its_count():
    tokenizer = words()
    found = listed(tokenizer, lambda i: i % 3).reset_index()
    assert list(found.columns.sort_values()) == sorted(listing.COLUMNS)
    assert found.token_id.tolist() == list(range(tokenizer.get_vocab_size()))
    assert found["count"].tolist() == [i % 3 for i in found.token_id]
    assert found.dead.tolist() == [int(i % 3 == 0) for i in found.token_id]


def test_the_program_writes_what_pandas_reads_back(tmp_path):
    tokenizer = words()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tokens = np.arange(100, dtype=np.int32)
    dead = np.arange(tokenizer.get_vocab_size()) >= 100
    save_file({"tokens": tokens}, tmp_path / "tokens.safetensors")
    save_file({"dead_mask": dead, "live_mask": ~dead}, tmp_path / "masks.safetensors")
    arguments = [
        f"--{name}={tmp_path / f'{name}.{kind}'}"
        for name, kind in (("tokens", "safetensors"), ("masks", "safetensors"), ("table", "csv"))
    ]
    command = [sys.executable, SCRIPT, *arguments, f"--tokenizer={tmp_path / 'tokenizer.json'}"]
    subprocess.run(command, check=True)
    table = tables.read(tmp_path / "table.csv", listing.COLUMNS, ("token", "visible", "script"))
    assert table.dead.sum() == dead.sum()
    assert table["count"].sum() == 100
    save_file({"dead_mask": dead[:-1], "live_mask": ~dead[:-1]}, tmp_path / "masks.safetensors")
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "masks.safetensors is of" in failed.stderr


def test_masks_of_another_vocabulary_are_refused():
    with pytest.raises(UserError, match="is of 3 entries, but the tokenizer has 4"):
        listing.check(np.zeros(3, bool), np.zeros(4, np.int64), Path("masks.safetensors"))
