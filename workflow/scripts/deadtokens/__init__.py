"""What happens to the embedding rows of tokens that a language model never sees: the library."""

from deadtokens import openmp

# Here, for every module of ours that imports torch is within this package.
openmp.sleep_while_waiting()


def __getattr__(name: str):
    """`open_run`, found when it is asked for: programs import modules and do not wait for it."""
    if name != "open_run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deadtokens.notebook.run import open_run

    return open_run


def __dir__() -> list[str]:
    return sorted({*globals(), "open_run"})
