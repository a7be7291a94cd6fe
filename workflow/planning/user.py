"""The user who calls Snakemake, and need have neither a name nor an entry in /etc/passwd."""

import getpass
import os


def give_a_name() -> None:
    """Set LOGNAME where the user has no name, as in a container: Snakemake asks for one."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid{os.getuid()}"
