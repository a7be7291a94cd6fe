"""Where the sources lie, in whatever way a Snakefile names them: a folder, or a commit of Git.

Programs are run from files, so a commit is unpacked once into the working folder. This module is
loaded by its path (rules/given.smk): nothing of its package can be found before the sources are.
"""

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import (
    HostingProviderFile,
    LocalGitFile,
    LocalSourceFile,
    SourceFile,
)

UNPACKED = Path(".snakemake/fimbulwinter")


def root(rules: SourceFile, unpacked: Path = UNPACKED) -> str:
    """The absolute path of the folder that holds `config` and `workflow`.

    rules: the folder workflow/rules there (`workflow.current_basedir`). unpacked: where each commit
    gets a folder of its own. Raises WorkflowError for sources that are neither files nor in Git.
    """
    if isinstance(rules, LocalSourceFile):
        return os.path.abspath(os.path.join(rules.path, "../.."))
    above = os.path.normpath(os.path.join(getattr(rules, "path", ""), "../.."))
    if isinstance(rules, LocalGitFile):
        from git import Repo

        return str(_unpack(Repo(rules.repo_path), rules.ref, above, unpacked).absolute())
    if isinstance(rules, HostingProviderFile):
        return str(_unpack(rules.hosted_repo.repo, rules.ref, above, unpacked).absolute())
    raise WorkflowError(
        f"{rules}: a Snakefile from an address brings no programs with it. Name it by its path, or "
        'by github("OWNER/NAME", path="workflow/Snakefile", tag="v1.0.0"), or gitlab or gitfile.'
    )


def _unpack(repository, ref: str, inner: str, unpacked: Path) -> Path:
    """The folder `inner` of a commit, as files; two processes may do it at once."""
    commit = repository.git.rev_parse(f"{ref}^{{commit}}")
    folder = unpacked / commit
    if not (folder / inner).is_dir():
        unpacked.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=unpacked, prefix=f".{commit[:12]}."))
        with tempfile.TemporaryFile() as archive:
            # The archive of a commit, not of a folder in it, has the times of the commit.
            repository.archive(archive, treeish=commit)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar:
                tar.extractall(partial, filter="data")
        partial.chmod(0o777 & ~_umask())
        try:
            partial.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(partial)
    return folder / inner


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
