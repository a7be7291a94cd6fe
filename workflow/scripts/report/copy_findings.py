"""Copy the findings and their sources, small files, to where they are kept: docs/.

    python workflow/scripts/report/copy_findings.py --manifest results/findings.json --docs docs

Leaves DOCS/findings.md, and in DOCS/findings/ a copy of each source, under the name that the
template has for it, and the manifest. The page can be written from these copies alone, which a test
does. Prints how large each is; a source of more than `--largest` bytes is refused.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
import shutil
from pathlib import Path

from deadtokens.files import documents
from deadtokens.report import findings


def main(options):
    manifest = documents.read(options.manifest, findings.MANIFEST)
    results = options.manifest.parent
    copies = {
        results / path: findings.copy_of(name, path) for name, path in manifest["sources"].items()
    }
    findings.check_sizes(copies, options.largest)
    folder = options.docs / "findings"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source, name in copies.items():
        shutil.copyfile(source, folder / name)
        print(f"{source.stat().st_size:9,} bytes  {folder / name}")
    shutil.copyfile(options.manifest, folder / "findings.json")
    shutil.copyfile(results / "findings.md", options.docs / "findings.md")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--manifest", type=Path, required=True, help="of write_findings.py")
    arguments.add_argument("--docs", type=Path, required=True, help="folder to copy to")
    arguments.add_argument("--largest", type=int, default=400_000, help="bytes of a source at most")
    command.run(main, arguments)
