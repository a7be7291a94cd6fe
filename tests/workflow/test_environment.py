"""Steps run with the Python that runs Snakemake, whatever the PATH of the machine they come to."""

import os
import subprocess

from smoke import SNAKEMAKE

CORPUS = "results/corpora/flannel/tokenizer_corpus.txt"


def test_no_virtual_environment_has_to_be_active(fresh, tmp_path):
    other = tmp_path / "bin/python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho this is another python >&2\nexit 1\n")
    other.chmod(0o755)
    path = f"{other.parent}:/usr/local/bin:/usr/bin:/bin"
    result = subprocess.run(
        [SNAKEMAKE, "--cores", "1", CORPUS, "--configfile", "config/smoke.yaml"],
        cwd=fresh.root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (fresh.root / CORPUS).exists()
