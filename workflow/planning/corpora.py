"""The corpora of a configuration: texts and tokenizers that belong together."""

from collections.abc import Callable, Mapping
from pathlib import Path

from planning import schema
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
# With `source: huggingface`: texts, each a list of parts, and a ready tokenizer.
TEXT_KEYS = ("model_corpus_from", "tokenizer_corpus_from")
HUB_KEYS = (*TEXT_KEYS, "tokenizer_from")
SOURCES_OF_FILES = ("files", "huggingface", "none")
READ_BY = {
    "model_corpus_file": ("files",),
    "tokenizer_corpus_file": ("files",),
    **dict.fromkeys(("tokenizer_file", "vocab_file", "merges_file", "mask_file"), SOURCES_OF_FILES),
    **dict.fromkeys(HUB_KEYS, ("huggingface",)),
}
# Why no key of a file, or of a text, is read.
WITHOUT_FILES = {"synthetic": "reads no file", "none": "has no text"}
# The text of models and that of the tokenizer, by source.
TEXTS = {
    "files": ("model_corpus_file", "tokenizer_corpus_file"),
    "huggingface": ("model_corpus_from", "tokenizer_corpus_from"),
}
# What every repository has, and moves with every commit.
BRANCHES = ("main", "master", "HEAD")
LONGEST_DOCUMENT = 50_000  # bytes, more than any of the synthetic text
SMALLEST_VOCABULARY_OF_BYTES = 257  # every byte, and <|endoftext|>


def is_synthetic(corpus: Mapping) -> bool:
    return corpus["source"] == "synthetic"


def is_imported(corpus: Mapping) -> bool:
    """Whether its text is the user's own; that of a corpus without any is refused by name."""
    return corpus["source"] in ("files", "none")


def has_text(corpus: Mapping) -> bool:
    """Whether models can be trained on it."""
    return corpus["source"] != "none"


def has_tokenizer(corpus: Mapping) -> bool:
    return has_text(corpus) or has_tokenizer_file(corpus) or has_vocab_file(corpus)


def is_fetched(corpus: Mapping) -> bool:
    return corpus["source"] == "huggingface"


def has_tokenizer_from(corpus: Mapping) -> bool:
    return corpus["tokenizer_from"] is not None


def has_tokenizer_file(corpus: Mapping) -> bool:
    return corpus["tokenizer_file"] is not None


def takes_tokenizer_file(corpus: Mapping) -> bool:
    """Whether its tokenizer is a file, or is to be refused, for there is none."""
    return has_tokenizer_file(corpus) or not has_tokenizer(corpus)


def has_vocab_file(corpus: Mapping) -> bool:
    return corpus["vocab_file"] is not None


def trains_its_tokenizer(corpus: Mapping) -> bool:
    ready = (has_tokenizer_file, has_vocab_file, has_tokenizer_from)
    return has_text(corpus) and not any(has(corpus) for has in ready)


def has_tokenizer_text(corpus: Mapping) -> bool:
    """Whether there is a text that the tokenizer was or is to be trained on."""
    given = ("tokenizer_corpus_file", "tokenizer_corpus_from")
    return is_synthetic(corpus) or any(corpus[key] is not None for key in given)


def completed(corpora: Mapping[str, Mapping], entries: Mapping) -> dict[str, dict]:
    """Every corpus, and every entry of it that is to be fetched, with the defaults of its keys.

    entries: the definitions of the schema.
    """
    whole = schema.completed(corpora, entries["corpus"])
    for corpus in whole.values():
        for key in TEXT_KEYS:
            if corpus[key] is not None:
                parts = {str(number): part for number, part in enumerate(corpus[key])}
                corpus[key] = [*schema.completed(parts, entries["hub_text"]).values()]
        if corpus["tokenizer_from"] is not None:
            corpus["tokenizer_from"] = (
                schema.defaults(entries["hub_tokenizer"]) | corpus["tokenizer_from"]
            )
    return whole


def where(condition: Callable[[Mapping], bool], configuration: Mapping) -> str:
    """A wildcard constraint: the corpora for which the condition holds, none if there are none."""
    corpora = configuration["corpora"].items()
    return "|".join(name for name, corpus in corpora if condition(corpus)) or "(?!)"


def check(key: str, corpus: Mapping) -> None:
    """All but whether files are there: only those of the corpora that are asked for must be."""
    _check_source(key, corpus)
    if is_synthetic(corpus):
        _check_vocab_size(key, corpus)
        return
    for name, other in (("vocab_file", "merges_file"), ("merges_file", "vocab_file")):
        if corpus[name] is not None and corpus[other] is None:
            raise ConfigurationError(
                f"{key}.{name} is {corpus[name]!r}, but {key}.{other} is missing. GPT-2's "
                "tokenizer consists of both, vocab.json and merges.txt."
            )
    _check_one_tokenizer(key, corpus)
    if not has_text(corpus):
        return
    text, text_of_tokenizer = TEXTS[corpus["source"]]
    if corpus[text] is None:
        raise ConfigurationError(f"{key}.{text} is missing; `source: {corpus['source']}` needs it.")
    if trains_its_tokenizer(corpus):
        if corpus[text_of_tokenizer] is None:
            raise ConfigurationError(_no_tokenizer(key, corpus))
        _check_vocab_size(key, corpus)
    for name in HUB_KEYS:
        _check_revisions(f"{key}.{name}", corpus[name])


def _check_source(key: str, corpus: Mapping) -> None:
    """Raises `ConfigurationError` if a key is given that its source does not read."""
    source = corpus["source"]
    for name in (*FILE_KEYS, *HUB_KEYS):
        if corpus[name] is None or source in READ_BY[name]:
            continue
        shown = repr(corpus[name]) if name in FILE_KEYS else "given"
        reads = WITHOUT_FILES.get(source, "does not read it")
        allowed = " or ".join(repr(of) for of in READ_BY[name])
        raise ConfigurationError(
            f"{key}.{name} is {shown}, but {key}.source is {source!r}, which {reads}. Set "
            f"{key}.source to {allowed}, or remove the key (or set it to null)."
        )


def _check_one_tokenizer(key: str, corpus: Mapping) -> None:
    ready = {
        "tokenizer_file": f"tokenizer_file, {corpus['tokenizer_file']!r}",
        "vocab_file": f"vocab_file with merges_file, {corpus['vocab_file']!r}",
        "tokenizer_from": "tokenizer_from",
    }
    given = [words for name, words in ready.items() if corpus[name] is not None]
    if len(given) > 1:
        raise ConfigurationError(
            f"{key} has two ready tokenizers: {given[0]}, and {given[1]}. Remove one of them."
        )


def _no_tokenizer(key: str, corpus: Mapping) -> str:
    if is_fetched(corpus):
        return (
            f"{key} has neither tokenizer_corpus_from (text to train a tokenizer on) nor "
            "tokenizer_from (a ready tokenizer of the Hub) nor tokenizer_file or vocab_file and "
            "merges_file (one of your own); `source: huggingface` needs one of them."
        )
    return (
        f"{key} has neither tokenizer_corpus_file (text to train a tokenizer on) nor "
        "tokenizer_file (a ready tokenizer JSON) nor vocab_file and merges_file (a ready "
        "tokenizer of GPT-2's kind); `source: files` needs one of them."
    )


def _check_revisions(key: str, given: Mapping | list | None) -> None:
    """Raises `ConfigurationError` if one of these entries is to be fetched from a branch."""
    entries = given if isinstance(given, list) else [given] if given else []
    for number, entry in enumerate(entries):
        if entry["revision"] in BRANCHES:
            place = f"{key}.{number}" if isinstance(given, list) else key
            raise ConfigurationError(
                f"{place}.revision is {entry['revision']!r}, a branch, which moves. Allowed: the "
                "hash of a commit, or a tag."
            )


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
