"""Contact with the Hub: which commit a revision is, which failures pass, what to say of the others.

Where the Hub is (HF_ENDPOINT), who asks (HF_TOKEN) and where copies lie (HF_HOME) is between its
clients and the environment: nothing here takes, shows or keeps any of it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.utils import disable_progress_bars, httpx

from deadtokens.errors import UserError

log = logging.getLogger("fimbulwinter")
disable_progress_bars()  # programs have their own
for _chatty in ("httpx2", "fsspec"):  # a line for every request
    logging.getLogger(_chatty).setLevel(logging.WARNING)

# The clients' own list (huggingface_hub.utils), for what they do not repeat themselves.
PASSING = (408, 429, 500, 502, 503, 504)
ATTEMPTS = 5  # without anything fetched in between; as many as the clients make
LONGEST_WAIT = 300.0  # seconds; who is asked to wait longer starts again by hand
WITHOUT_NETWORK = (
    "Without a network, results that stand already are used as they are, and a corpus can be made "
    "of text of your own (source: files, as in config/fineweb_files.yaml) or of synthetic text "
    "(source: synthetic)."
)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """A repository at a revision, and the key of the configuration that names it."""

    key: str
    kind: str  # "dataset" or "model", as the clients call it
    repository: str
    revision: str

    @property
    def words(self) -> str:
        return f"{'the data set' if self.kind == 'dataset' else 'the model'} {self.repository}"


def commit(place: Place) -> str:
    """The hash of the commit that the revision is now; UserError if there is none to be had."""
    api = huggingface_hub.HfApi(library_name="fimbulwinter")

    def ask() -> str:
        return api.repo_info(
            place.repository, repo_type=place.kind, revision=place.revision, timeout=60.0
        ).sha

    # Nobody waits for a network that is not there: only what the Hub itself says may pass.
    return patiently(ask, lambda error: wait_after(error, connected=False), place)


def patiently(
    work: Callable[[], Result],
    wait: Callable[[Exception], float | None],
    place: Place,
    progress: Callable[[], int] = lambda: 0,
) -> Result:
    """What the work returns, tried again after failures that pass; UserError for all others.

    wait: seconds after such a failure, 0 if nobody says how many, None if it does not pass.
    progress: how far the work came; only failures without any in between are counted.
    """
    failures = 0
    while True:
        before = progress()
        try:
            return work()
        except UserError:
            raise
        except Exception as error:
            failures = 1 if progress() > before else failures + 1
            seconds = wait(error)
            if seconds is None or seconds > LONGEST_WAIT or failures >= ATTEMPTS:
                message = why(error, place)
                if message is None:
                    raise
                raise UserError(message) from error
            seconds = seconds or float(2 ** (failures - 1))
            log.warning("%s; trying again in %g s", _words(error), seconds)
            time.sleep(seconds)


def wait_after(error: Exception, connected: bool = True) -> float | None:
    """Seconds to wait before the same is asked again, 0 for any; None if that is of no use.

    connected: whether there was contact before, so that its loss may pass.
    """
    for cause in _chain(error):
        status = _status(cause)
        if status is not None:
            return _retry_after(cause) if status in PASSING else None
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return None
        if isinstance(cause, httpx.RequestError):
            return 0.0 if connected else None
    return None


def why(error: Exception, place: Place) -> str | None:
    """What to say of a failure of the Hub or of the way to it; None if it is something else."""
    for cause in _chain(error):
        if message := _of_repository(cause, place):
            return message
        status = _status(cause)
        if status is not None:
            return _of_status(cause, status, place)
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return (
                f"{place.key} is to be fetched from {place.words}, but HF_HUB_OFFLINE is set. "
                f"Unset it and start again. {WITHOUT_NETWORK}"
            )
        if isinstance(cause, httpx.RequestError):
            return (
                f"{place.key} is to be fetched from {place.words}, but the Hub cannot be reached "
                f"({_words(cause)}). Check the network, and HF_ENDPOINT if you set it, and start "
                f"again: it continues where it was. {WITHOUT_NETWORK}"
            )
    return None


def gated(place: Place) -> str:
    """What to say of a repository whose files only those may read who were given access."""
    has_token = huggingface_hub.get_token() is not None
    found = "the token in use may not read it" if has_token else "there is no token"
    return (
        f"{place.key}.repository is {place.repository!r}: it is gated, and {found}. Ask for access "
        "on its page, then set the environment variable HF_TOKEN to a token of your account that "
        "may read it."
    )


def _of_repository(error: BaseException, place: Place) -> str | None:
    if isinstance(error, errors.GatedRepoError):
        return gated(place)
    if isinstance(error, errors.RevisionNotFoundError):
        return (
            f"{place.key}.revision is {place.revision!r}, but {place.words} has no such commit "
            "or tag (any more). Look up its history, and give the hash of a commit."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{place.key}.repository is {place.repository!r}: the Hub has no {place.kind} of this "
            "name that may be read. Check the name; if it is private, set the environment variable "
            "HF_TOKEN to a token of an account that may read it."
        )
    if isinstance(error, errors.DisabledRepoError):
        return (
            f"{place.key}.repository is {place.repository!r}: the Hub has closed it. Use another."
        )
    return None


def _of_status(error: BaseException, status: int, place: Place) -> str:
    if status in (401, 403):
        return (
            f"{place.key}.repository is {place.repository!r}: the Hub lets nobody read it with the "
            f"token in use (status {status}). Check the environment variable HF_TOKEN."
        )
    if status == 429:
        seconds = _retry_after(error)
        wait = f"in {seconds:g} seconds" if seconds else "later"
        return (
            f"{place.key}: the Hub takes no more requests for now (status 429). Start again "
            f"{wait}: it continues where it was. Who sets HF_TOKEN may ask more often."
        )
    advice = "Start again later" if status in PASSING else "Check the Hub's status page"
    return (
        f"{place.key}: the Hub answers a request for {place.words} with status {status}. {advice}: "
        "it continues where it was."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came of: the clients wrap one another's."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__  # `datasets` hides the cause of some


def _status(error: BaseException) -> int | None:
    """The status of an answer that is an error; None of whatever else.

    That there is no such file is no failure: the clients look for several, and take what is there.
    """
    if isinstance(error, errors.EntryNotFoundError):
        return None
    if isinstance(error, errors.HfHubHTTPError | httpx.HTTPStatusError):
        return error.response.status_code
    return None


def _retry_after(error: BaseException) -> float:
    """Seconds that the Hub asks to wait; 0 if it does not, or names a date."""
    given = error.response.headers.get("Retry-After", "")
    return float(given) if given.isdigit() else 0.0


def _words(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
