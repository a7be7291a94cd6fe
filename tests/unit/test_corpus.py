import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deadtokens.errors import UserError
from deadtokens.text import corpus


@pytest.fixture
def copy(tmp_path):
    return tmp_path / "copy.txt"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_copies_byte_for_byte_and_leaves_the_source_alone(tmp_path, copy):
    content = "a\r\n\tb\n\nก \x0c no line feed at the end".encode()
    source = write(tmp_path / "source.txt", content)
    source.chmod(0o444)
    corpus.import_text(source, copy)
    assert copy.read_bytes() == source.read_bytes() == content


def test_missing_file_is_named(tmp_path, copy):
    with pytest.raises(UserError, match=r"no corpus file .*nowhere\.txt"):
        corpus.import_text(tmp_path / "nowhere.txt", copy)
    assert not copy.exists()


def test_folder_is_no_corpus(tmp_path, copy):
    with pytest.raises(UserError, match="no corpus file"):
        corpus.import_text(tmp_path, copy)


@pytest.mark.parametrize(
    ("content", "found"), [(b"", "is empty"), (b" \n\t\n", r"nothing but whitespace \(4 bytes\)")]
)
def test_empty_text_is_refused(tmp_path, copy, content, found):
    with pytest.raises(UserError, match=found):
        corpus.import_text(write(tmp_path / "source.txt", content), copy)
    assert not copy.exists()


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("content", "offset"),
    [
        ("日本".encode() + b"\xff" + b" more", 6),
        (b"caf\xe9 and so on", 3),
        (b"cut short \xe6\x97", 10),
        ("é".encode("utf-16"), 0),
        (b"surrogate \xed\xa0\x80", 10),
    ],
)
def test_not_utf8_names_the_byte(tmp_path, copy, monkeypatch, content, offset, piece_bytes):
    monkeypatch.setattr(corpus, "PIECE_BYTES", piece_bytes)
    with pytest.raises(UnicodeDecodeError) as whole:
        content.decode()
    assert whole.value.start == offset
    with pytest.raises(UserError, match=f"not UTF-8: .* at byte {offset};"):
        corpus.import_text(write(tmp_path / "source.txt", content), copy)
    assert not copy.exists()


ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
# Each is valid UTF-8 in one of these encodings at least, but for what stands in front.
WRITTEN = {
    "English": "The cat sat on a mat.\n" * 9,
    "Thai": "แมวนั่งบนเสื่อ\n" * 9,
    "Russian": "Кот сидел на ковре\n" * 9,
    "Arabic": "جلست القطة\n" * 9,
    "Hindi": "बिल्ली चटाई पर\n" * 9,
    "Georgian": "კატა იჯდა\n" * 9,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("language", WRITTEN)
def test_other_encodings_are_refused_also_where_they_are_valid_utf8(
    tmp_path, copy, language, encoding
):
    source = write(tmp_path / "source.txt", WRITTEN[language].encode(encoding))
    with pytest.raises(UserError, match=r"source\.txt is (no text in|not) UTF-8"):
        corpus.import_text(source, copy)
    assert not copy.exists()


@pytest.mark.parametrize("content", [b"\0" * 50, bytes(range(32)) * 9, b"ab\x01cd\x02" * 9])
def test_what_is_no_text_is_refused(tmp_path, copy, content):
    with pytest.raises(UserError, match=r"no text in UTF-8: \d+ of its \d+ bytes are control"):
        corpus.import_text(write(tmp_path / "source.txt", content), copy)


@pytest.mark.parametrize("piece_bytes", [1, 2, 1 << 20])
@pytest.mark.parametrize(
    "text", ["a NUL \0 in a long text " + "of words " * 20, "\x1b[1mred\x1b[0m\r\n\x0c", "a\ufeffb"]
)
def test_odd_characters_stay(tmp_path, copy, monkeypatch, text, piece_bytes):
    monkeypatch.setattr(corpus, "PIECE_BYTES", piece_bytes)
    corpus.import_text(write(tmp_path / "source.txt", text.encode()), copy)
    assert copy.read_bytes() == text.encode()


@pytest.mark.parametrize("piece_bytes", [1, 2, 1 << 20])
def test_a_byte_order_mark_is_no_text(tmp_path, copy, monkeypatch, caplog, piece_bytes):
    monkeypatch.setattr(corpus, "PIECE_BYTES", piece_bytes)
    caplog.set_level("INFO")
    source = write(tmp_path / "source.txt", "\ufeffà \ufeff la\n".encode())
    corpus.import_text(source, copy)
    assert copy.read_bytes() == "à \ufeff la\n".encode()
    assert "source.txt begins with a byte order mark; the copy does not" in caplog.text
    with pytest.raises(UserError, match=r"nothing but whitespace \(5 bytes\)"):
        corpus.import_text(write(source, b"\xef\xbb\xbf \n"), copy)


def plain_overlap(model_text: str, tokenizer_text: str) -> tuple[int, int, int, int]:
    def lines(text):
        return [line.strip() for line in text.split("\n") if len(line.strip()) >= 40]

    ours, theirs = lines(model_text), set(lines(tokenizer_text))
    shared = [line for line in ours if line in theirs]
    return len(ours), len(shared), sum(map(len, ours)), sum(map(len, shared))


SAMPLES = ["x" * 39, "x" * 40, "ก" * 41, " " * 50, "y" * 60, "  " + "y" * 60, "z" * 45]
LINES = st.lists(st.sampled_from(SAMPLES))


@given(LINES, LINES, st.sampled_from(["", "\n"]))
def test_overlap_equals_brute_force(tmp_path_factory, ours, theirs, end):
    folder = tmp_path_factory.mktemp("overlap", numbered=True)
    texts = "\n".join(ours) + end, "\n".join(theirs) + end
    paths = [write(folder / name, text.encode()) for name, text in zip("mt", texts, strict=True)]
    found = corpus.overlap(*paths)
    names = "lines", "shared_lines", "characters", "shared_characters"
    expected = plain_overlap(*texts)
    assert tuple(found[name] for name in names) == expected
    n_lines, n_shared, n_characters, n_shared_characters = expected
    assert found["share_of_lines"] == n_shared / max(n_lines, 1)
    assert found["share_of_characters"] == n_shared_characters / max(n_characters, 1)


def test_overlap_in_several_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LINES_PER_BATCH", 3)
    ours = [f"line {number} " + "." * 40 for number in range(20)]
    model = write(tmp_path / "m", "\n".join(ours).encode())
    tokenizer = write(tmp_path / "t", "\n".join(ours[5:12]).encode())
    assert corpus.overlap(model, tokenizer)["shared_lines"] == 7


def test_overlap_only_reads(tmp_path):
    paths = [write(tmp_path / name, ("a" * 50 + "\n").encode()) for name in "mt"]
    before = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    corpus.overlap(*paths)
    assert [hashlib.sha256(path.read_bytes()).digest() for path in paths] == before
