"""Real Snakemake on a copy of the sources, with the small sizes of config/smoke.yaml."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit

ROOT = Path(__file__).parents[2]
SOURCES = ("Snakefile", "config", "workflow", "profiles")
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


@dataclass(frozen=True)
class Project:
    """A copy of the sources in a folder of its own."""

    root: Path

    def snakemake(
        self,
        *arguments: str,
        cores: int = 2,
        changes: str = "",
        largest_file: int | None = None,
        seconds: int = 300,
    ) -> subprocess.CompletedProcess:
        """Call Snakemake; `changes` is YAML on top of the smoke sizes.

        A file that grows beyond `largest_file` bytes fails as on a full disk. A call that takes
        more than so many seconds is ended.
        """
        return subprocess.run(
            self.command(*arguments, cores=cores, changes=changes),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            preexec_fn=largest_file and (lambda: setrlimit(RLIMIT_FSIZE, (largest_file,) * 2)),
        )

    def command(self, *arguments: str, cores: int = 2, changes: str = "") -> list[str | Path]:
        """The words of such a call, whose configuration lies ready."""
        self.write("config/changes.yaml", changes or "{}")
        # `--configfile` takes all that follows it, so it stands last.
        configuration = ["--configfile", "config/smoke.yaml", "config/changes.yaml"]
        return [SNAKEMAKE, "--cores", str(cores), *arguments, *configuration]

    def run(self, *arguments: str, cores: int = 2, changes: str = "", seconds: int = 300) -> None:
        result = self.snakemake(*arguments, cores=cores, changes=changes, seconds=seconds)
        assert result.returncode == 0, result.stdout + result.stderr

    def planned(self, *arguments: str, changes: str = "") -> set[str]:
        """The rules that would run now."""
        result = self.snakemake("--dry-run", *arguments, changes=changes)
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        return set(re.findall(r"^(?:local)?rule (\w+):$", output, re.MULTILINE)) - {"all"}

    def failure(self, *arguments: str, **circumstances) -> str:
        """What a call prints that must end with exit code 1 and without a traceback."""
        result = self.snakemake(*arguments, **circumstances)
        output = result.stdout + result.stderr
        assert result.returncode == 1, output
        assert "Traceback (most recent call last)" not in output, output
        # What Snakemake repeats of a job and its settings is no message.
        repeated = ("Shell command:", "Command:", "input:", "output:", "log:", "reason:")
        lines = output.splitlines()
        return "\n".join(line for line in lines if not line.strip().startswith(repeated))

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def copy_sources(destination: Path) -> Project:
    destination.mkdir(parents=True)
    for name in SOURCES:
        source, target = ROOT / name, destination / name
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy2(source, target)
    return Project(destination)
