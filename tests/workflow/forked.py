"""Programs that start at once: a process that has imported what takes long is forked for each.

The Hub's clients read HF_ENDPOINT and HF_HOME when they are imported, so each such process has one
hub. A forked program waits for nothing: seconds that it would wait are noted instead.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

WORKER = """
import json, os, runpy, sys, time
import deadtokens.hub.texts, deadtokens.hub.tokenizers
import deadtokens.program.command, deadtokens.text.vocabulary

def run(asked):
    file = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1), os.dup2(file, 2)
    os.environ.update(asked["environment"])
    waits, time.sleep = [], lambda seconds: waits.append(seconds)
    code, sys.argv = 0, asked["command"]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as exit:
        code = exit.code or 0
    finally:
        with open(asked["output"] + ".json", "w") as file:
            json.dump({"waits": waits, "torch": "torch" in sys.modules}, file)
        sys.stdout.flush(), sys.stderr.flush()
    return code

for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if not pid:
        code = 70
        try:
            code = run(asked)
        finally:
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    output: str
    waits: list[float]
    imported_torch: bool


class Forks:
    """A process with this environment, of which programs are forked."""

    def __init__(self, environment: dict[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait(60)

    def run(
        self,
        folder: Path,
        command: Sequence[str | Path],
        started: Callable[[int], None] = lambda pid: None,
        **environment: str,
    ) -> Ended:
        """Run a program to its end; `started` is given the number of its process."""
        output = folder / "output"
        asked = {
            "command": [str(word) for word in command],
            "output": str(output),
            "environment": environment,
        }
        Path(f"{output}.json").unlink(missing_ok=True)
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        started(int(self._process.stdout.readline()))
        code = int(self._process.stdout.readline())
        notes = {"waits": [], "torch": False}
        if Path(f"{output}.json").exists():
            notes = json.loads(Path(f"{output}.json").read_text())
        return Ended(code, output.read_text(), notes["waits"], notes["torch"])
