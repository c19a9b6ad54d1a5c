"""Calling libraries whose errors have no common base: whatever they raise about input is a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from placet_attestations.errors import AttestationError


@contextmanager
def foreign(refuse: Callable[[str], AttestationError]) -> Iterator[None]:
    """Raise `refuse(why)` for anything raised inside; the room's own errors pass, and so does an interrupt.

    Broad on purpose: cryptography's X.509 and sigstore have a dozen unrelated classes, and one that is not
    listed must not become a crash of the service that reads a stranger's bytes.
    """
    try:
        yield
    except AttestationError:
        raise
    except Exception as error:
        raise refuse(f"{type(error).__name__}: {str(error)[:300]}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of libraries in Rust, on input they did not foresee
            raise
        raise refuse("the library gave up") from error
