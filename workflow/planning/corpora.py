"""The corpora of a configuration: texts and tokenizers that belong together."""

from collections.abc import Callable, Mapping
from pathlib import Path

from planning.givenfiles import why_unusable
from planning.mistakes import ConfigurationError

FILE_KEYS = (
    "model_corpus_file",
    "tokenizer_corpus_file",
    "tokenizer_file",
    "vocab_file",
    "merges_file",
    "mask_file",
)
LONGEST_DOCUMENT = 50_000  # bytes, more than any of the synthetic text
SMALLEST_VOCABULARY_OF_BYTES = 257  # every byte, and <|endoftext|>


def is_synthetic(corpus: Mapping) -> bool:
    return corpus["source"] == "synthetic"


def is_imported(corpus: Mapping) -> bool:
    """Whether its text is the user's own; that of a corpus without any is refused by name."""
    return corpus["source"] != "synthetic"


def has_text(corpus: Mapping) -> bool:
    """Whether models can be trained on it."""
    return corpus["source"] != "none"


def has_tokenizer(corpus: Mapping) -> bool:
    return has_text(corpus) or has_tokenizer_file(corpus) or has_vocab_file(corpus)


def has_tokenizer_file(corpus: Mapping) -> bool:
    return corpus["tokenizer_file"] is not None


def takes_tokenizer_file(corpus: Mapping) -> bool:
    """Whether its tokenizer is a file, or is to be refused, for there is none."""
    return has_tokenizer_file(corpus) or not has_tokenizer(corpus)


def has_vocab_file(corpus: Mapping) -> bool:
    return corpus["vocab_file"] is not None


def trains_its_tokenizer(corpus: Mapping) -> bool:
    return has_text(corpus) and not has_tokenizer_file(corpus) and not has_vocab_file(corpus)


def where(condition: Callable[[Mapping], bool], configuration: Mapping) -> str:
    """A wildcard constraint: the corpora for which the condition holds, none if there are none."""
    corpora = configuration["corpora"].items()
    return "|".join(name for name, corpus in corpora if condition(corpus)) or "(?!)"


def check(key: str, corpus: Mapping) -> None:
    """All but whether files are there: only those of the corpora that are asked for must be."""
    given = [name for name in FILE_KEYS if corpus[name] is not None]
    if corpus["source"] == "synthetic":
        if given:
            raise ConfigurationError(
                f"{key}.{given[0]} is {corpus[given[0]]!r}, but {key}.source is 'synthetic', which "
                f"reads no file. Set {key}.source to 'files' or remove the key."
            )
        _check_vocab_size(key, corpus)
        return
    if corpus["source"] == "none":
        _check_without_text(key, corpus, given)
    elif "model_corpus_file" not in given:
        raise ConfigurationError(f"{key}.model_corpus_file is missing; `source: files` needs it.")
    for name, other in (("vocab_file", "merges_file"), ("merges_file", "vocab_file")):
        if name in given and other not in given:
            raise ConfigurationError(
                f"{key}.{name} is {corpus[name]!r}, but {key}.{other} is missing. GPT-2's "
                "tokenizer consists of both, vocab.json and merges.txt."
            )
    if "tokenizer_file" in given and "vocab_file" in given:
        raise ConfigurationError(
            f"{key} has two ready tokenizers: tokenizer_file, {corpus['tokenizer_file']!r}, and "
            f"vocab_file with merges_file, {corpus['vocab_file']!r}. Remove one of them."
        )
    if corpus["source"] == "none":
        return
    if not {"tokenizer_file", "vocab_file", "tokenizer_corpus_file"} & set(given):
        raise ConfigurationError(
            f"{key} has neither tokenizer_corpus_file (text to train a tokenizer on) nor "
            "tokenizer_file (a ready tokenizer JSON) nor vocab_file and merges_file (a ready "
            "tokenizer of GPT-2's kind); `source: files` needs one of them."
        )
    if not {"tokenizer_file", "vocab_file"} & set(given):
        _check_vocab_size(key, corpus)


def why_no_text(name: str, corpus: Mapping) -> str | None:
    """Why nothing can be made from the text of a corpus; None if it has one."""
    if has_text(corpus):
        return None
    return (
        f"corpora.{name} has source: none, so there is no text to train on or to count tokens in. "
        f"Set corpora.{name}.source to files, with model_corpus_file and a tokenizer."
    )


def why_no_tokenizer(name: str, corpus: Mapping) -> str | None:
    """Why nobody can say what text tokens stand for; None if there is a tokenizer."""
    if has_tokenizer(corpus):
        return None
    return (
        f"corpora.{name} has source: none and no tokenizer, so nobody knows what text its tokens "
        f"stand for. Set corpora.{name}.tokenizer_file, or vocab_file and merges_file."
    )


def check_files(key: str, corpus: Mapping, is_made: Callable[[str], bool]) -> None:
    """Raises `ConfigurationError` if one of its files cannot be read; `key` is the corpus's own.

    is_made: whether another rule makes a file, which then need not be there yet.
    """
    given = [name for name in FILE_KEYS if corpus[name] is not None and not is_made(corpus[name])]
    reasons = {name: why_unusable(corpus[name]) for name in given}
    unusable = [
        f"{key}.{name} is {corpus[name]!r}: {reason}" for name, reason in reasons.items() if reason
    ]
    if unusable:
        place = f"Paths are taken from the working directory, {Path.cwd()}."
        raise ConfigurationError("\n".join([*unusable, place]))


def check_batch(key: str, run: Mapping, corpus: Mapping) -> None:
    """Raises `ConfigurationError` if a synthetic corpus cannot fill one batch, whatever its text.

    A token stands for a byte at least, and the text ends with the document that reaches its size.
    """
    if corpus["source"] != "synthetic":
        return
    length, batch = run["seq_len"], run["batch_size"]
    needed = length * batch if run["examples"] == "blocks" else length + batch
    most = corpus["model_bytes"] + LONGEST_DOCUMENT
    if needed > most:
        raise ConfigurationError(
            f"{key}.batch_size is {batch}, which with seq_len: {length} takes {needed:,} tokens, "
            f"and corpora.{run['corpus']} has {most:,} at most (model_bytes). Set a smaller "
            "batch_size or seq_len, or a larger model_bytes."
        )


def _check_without_text(key: str, corpus: Mapping, given: list[str]) -> None:
    texts = [name for name in ("model_corpus_file", "tokenizer_corpus_file") if name in given]
    if texts:
        raise ConfigurationError(
            f"{key}.{texts[0]} is {corpus[texts[0]]!r}, but {key}.source is 'none', which has no "
            f"text. Set {key}.source to 'files' or remove the key."
        )


def _check_vocab_size(key: str, corpus: Mapping) -> None:
    """Of a tokenizer that is to be trained."""
    size = corpus["vocab_size"]
    if corpus["tokenizer"] == "bytes" and size < SMALLEST_VOCABULARY_OF_BYTES:
        raise ConfigurationError(
            f"{key}.vocab_size is {size}; allowed with `tokenizer: bytes`: at least "
            f"{SMALLEST_VOCABULARY_OF_BYTES}, one entry for every byte and <|endoftext|>."
        )
    rare = corpus["rare_characters"]
    if (corpus["source"], corpus["tokenizer"]) == ("synthetic", "characters") and rare >= size:
        raise ConfigurationError(
            f"{key}.vocab_size is {size}, and rare_characters is {rare}; allowed with `tokenizer: "
            "characters`: more entries than characters, since each is an entry of its own."
        )
