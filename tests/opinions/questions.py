"""What is asked of every verifier, and what each may answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from placet_attestations.digests import Digest
from placet_attestations.keys import Algorithm

Word = Literal["accepts", "refuses", "cannot"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose certificate it must be, both exactly; no issuer where the authority itself is the issuer."""

    identity: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Key:
    """Whose key it must be: a SubjectPublicKeyInfo in PEM, and what it is used with where several uses fit."""

    pem: bytes
    algorithm: Algorithm | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Is this bundle by that signer, over this file, as far as this root vouches for it?

    `artifact` None: the bundle holds a statement, and which file it is about is not asked; a digest where the
    file is not here. `root` None: by the key alone. `logged`: an entry in a log of the root is asked for.
    """

    name: str
    bundle: bytes
    signer: Identity | Key
    root: bytes | None
    artifact: bytes | Digest | None = None
    logged: bool = True

    @property
    def content(self) -> Mapping[str, object] | None:
        """The bundle as JSON, where it is that; None where it is not."""
        try:
            document = json.loads(self.bundle)
        except ValueError:
            return None
        return document if isinstance(document, dict) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A word and its reason: the verifier's own words for a refusal, ours for what it cannot be asked."""

    word: Word
    reason: str = ""


class Opinion(Protocol):
    """A verifier: asked many questions at once, for a process may cost more than an answer."""

    def __call__(self, questions: Sequence[Question], /) -> list[Answer]:
        """One answer a question, in their order."""
        ...
