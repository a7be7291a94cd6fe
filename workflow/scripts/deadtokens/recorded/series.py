"""Which published series a trajectory is of, by the names of what it holds."""

from deadtokens.errors import UserError
from deadtokens.files.access import Reader
from deadtokens.recorded.naming import SERIES


def naming_of(file: Reader) -> str:
    """The key of `naming.SERIES` whose names and dtypes the most of a file's fields have.

    UserError if it holds no quantity of any series.
    """
    agreeing = {
        naming: sum(
            file.fields.get(stored.name, ("", ()))[0] == stored.dtype for stored in table.values()
        )
        for naming, table in SERIES.items()
    }
    best = max(agreeing, key=agreeing.get)
    if not agreeing[best]:
        names = [table["W"].name for table in SERIES.values()]
        raise UserError(
            f"{file.path}: no trajectory: it holds {', '.join(file.fields) or 'nothing'}; expected "
            f"a series' own names, {' or '.join(dict.fromkeys(names))} of its weights. "
            "Give the trajectory of a run."
        )
    return best


def held(file: Reader, naming: str) -> tuple[str, ...]:
    """The quantities of this series that a file holds, in the words of `record`."""
    return tuple(name for name, stored in SERIES[naming].items() if stored.name in file.fields)
