"""Files of configuration and `--config`, read to the letter: messages with file, line, key."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from planning import documents
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]

BAD = {
    "equal keys": (b"a:\n  b: 1\n  b: 2\n", "line 3: a.b is given twice, first on line 2"),
    "equal keys in a list": (b"a: [{b: 1}, {b: 1, b: 2}]\n", "a.1.b is given twice"),
    "equal keys, one quoted": (b'a: 1\n"a": 2\n', "line 2: a is given twice"),
    "equal keys at the first level": (b"runs: {}\nruns: {}\n", "runs is given twice"),
    "equal keys in JSON": (b'{"a": {"b": 1, "b": 2}}', "'b' is given twice"),
    "number as key": (b"runs: {1: {}}\n", "the key 1 of runs is read as a number"),
    "truth as key": (b"runs: {no: {}}\n", "the key no of runs is read as true or false"),
    "nothing as key": (b"runs: {~: {}}\n", "the key ~ of runs is read as nothing"),
    "date as key": (b"runs: {2001-01-01: {}}\n", "is read as a date"),
    "list as key": (b"runs: {? [a, b] : {}}\n", "a list or mapping of runs"),
    "date": (b"runs: {a: {notes: 2001-01-01}}\n", "runs.a.notes is 2001-01-01"),
    "bytes": (b"a: !!binary aGVsbG8=\n", "a is aGVsbG8=, which YAML reads as bytes"),
    "set": (b"a: !!set {b}\n", "a is"),
    "object": (b"a: !!python/object:os.system b\n", "a is b"),
    "own tag": (b"a: !mine b\n", "a is b, which YAML reads as !mine"),
    "too many digits": (b"a: " + b"9" * 5000 + b"\n", "a is 999"),
    "not UTF-8": (b"a: caf\xe9\n", "line 1: not UTF-8 (byte 6 is 0xe9)"),
    "not UTF-8, later": (b"a: 1\nb: \xff\n", "line 2: not UTF-8"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "not UTF-8 (byte 0 is 0xff)"),
    "contains itself": (b"a: &x {b: *x}\n", "a.b contains itself"),
    "list contains itself": (b"a: &x [1, *x]\n", "a.1 contains itself"),
    "deep lists": (b"a: " + b"[" * 5000 + b"]" * 5000, "nested deeper than 50"),
    "deep mappings": (b"{a: " * 400 + b"1" + b"}" * 400, "nested deeper than 50"),
    "deep by aliases": (
        b"a0: &a0 [1]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, 80)),
        "nested deeper than 50",
    ),
    "deep JSON": (b'{"a": ' * 60 + b"1" + b"}" * 60, "nested deeper than 50"),
    "very deep JSON": (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "nested deeper than 50"),
    "many by aliases": (
        b"a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + b"".join(
            b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 9)
        ),
        "repeats more than",
    ),
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "comments alone": (b"# a: 1\n", "holds no keys"),
    "list": (b"- a\n- b\n", "holds no keys"),
    "text": (b"hello\n", "holds no keys"),
    "JSON list": (b"[1, 2]", "holds no keys"),
    "two documents": (b"a: 1\n---\nb: 2\n", "another document"),
    "no YAML": (b"a: {b\n", "no readable YAML"),
    "tabs": (b"a:\n\tb: 1\n", "no readable YAML"),
    "unknown alias": (b"a: *b\n", "no readable YAML"),
    "control character": (b"a: \x01\n", "no readable YAML"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_reported_with_its_name(tmp_path, kind):
    content, expected = BAD[kind]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        documents.check_files([path])
    message = str(error.value)
    assert str(path) in message
    assert expected in message
    assert "\n" not in message
    assert len(message) < 500 + len(str(path))


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"a: 1\nb: {a: 1}\n",
        b"\xef\xbb\xbfa: 1\n",
        b"a: &x {b: 1}\nc: *x\nd: *x\n",
        b"a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
        b'{"a": [1, null, true, 1.5e3, "x"]}',
        b"a: [1.0e-8, .nan, 0x10, ~, yes]\n",
        "a: ÄÖÜ ก\n".encode(),
        b"a: |\n  two\n  lines\r\n",
    ],
)
def test_good_files_pass(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    documents.check_files([tmp_path / "mine.yaml"])


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_files_pass(path):
    documents.check_files([path])


def test_what_is_no_file_is_reported(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, expected in {
        "missing.yaml": "there is no such file",
        "pipe": "named pipe",
        ".": "a folder",
        "dangling": "a link to",
        "loop": "cannot be looked at",
        "x" * 300: "cannot be looked at",
    }.items():
        with pytest.raises(ConfigurationError, match=expected):
            documents.check_files([tmp_path / name])
    with pytest.raises(ConfigurationError, match=re.escape(os.path.expanduser("~/no.yaml"))):
        documents.check_files(["~/no.yaml"])
    with pytest.raises(ConfigurationError, match="a device"):
        documents.check_files(["/dev/null"])


def test_nested_values_of_config_are_what_a_file_would_have():
    entries = ["runs={a: {total_steps: 5, beta2: 0.5, autocast: yes, notes: x, like: null}}"]
    values = {"total_steps": 5, "beta2": 0.5, "autocast": True, "notes": "x", "like": None}
    assert documents.typed(entries) == {"runs": {"a": values}}
    assert documents.typed(["comparison=[a, b]", "figures=dpi: 300"]) == {
        "comparison": ["a", "b"],
        "figures": {"dpi": 300},
    }
    assert documents.typed(["runs={a: {x: 1}}", "runs={a: {y: 2}}"]) == {
        "runs": {"a": {"x": 1, "y": 2}}
    }
    assert documents.typed(["a1=5", "b1=text", "c1=", "d1=1:30"]) == {}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["runs.a.total_steps=5"], "expected KEY=VALUE"),
        (["runs"], "expected KEY=VALUE"),
        (["1=2"], "expected KEY=VALUE"),
        (["runs={a: {b: 5}"], "--config runs"),
        (["runs={a: 1, a: 2}"], "a is given twice"),
        (["runs={1: 2}"], "the key 1"),
        (["runs={a: {x: 1}}", "runs={a: {x: 2}}"], "--config gives runs.a.x twice"),
        (["figures=1", "figures=2"], "--config gives figures twice"),
        (["a1=" + "[" * 3000 + "]" * 3000], "nested deeper"),
        (["runs={a: &x [*x]}"], "contains itself"),
    ],
)
def test_wrong_entries_of_config_are_reported(entries, expected):
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        documents.typed(entries)


def test_options_that_snakemake_would_drop_are_reported():
    with pytest.raises(ConfigurationError, match="--configfile is given twice"):
        documents.check_call(["--configfile", "a", "--configfile", "b"])
    with pytest.raises(ConfigurationError, match="--config is given twice"):
        documents.check_call(["--config", "a=1", "-n", "--config=b=1"])


def test_all_files_of_a_call_are_looked_at(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("{}")
    bad.write_text("a: 1\na: 2\n")
    documents.check_call(["-n", "--configfile", str(good), str(good), "--cores", "1", str(bad)])
    documents.check_call(["--configfile", str(good), "--", str(bad)])
    for call in (
        ["--configfile", str(good), str(bad)],
        [f"--configfile={bad}"],
        ["results/x", "--configfiles", str(bad), "-n"],
    ):
        with pytest.raises(ConfigurationError, match=r"bad\.yaml, line 2"):
            documents.check_call(call)


def test_a_process_ends_with_the_message_alone(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    program = (
        "import sys; from planning import documents; documents.end_unless_readable(sys.argv[1:])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--configfile", "bad.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Wrong configuration.",
        "bad.yaml, line 2: a is given twice, first on line 1. Remove one.",
    ]


def test_json_that_is_no_yaml_passes(tmp_path):
    (tmp_path / "mine.json").write_text('{\t"a":\t{"b": 1}}')
    assert json.loads((tmp_path / "mine.json").read_text())
    documents.check_files([tmp_path / "mine.json"])
