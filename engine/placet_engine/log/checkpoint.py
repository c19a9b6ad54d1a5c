"""Checkpoints (C2SP tlog-checkpoint v1.0.0): the signed head of a log.

::

    example.org/placet
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.org/placet
    Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from placet_engine.errors import ProofError
from placet_engine.log.encoding import from_base64, to_base64
from placet_engine.log.merkle import HASH_SIZE
from placet_engine.log.note import NoteSigner, NoteVerifier, open_note, sign_note

MAX_SIZE = 1 << 62
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: whose log, how many leaves, which root. `extensions` are kept, never interpreted."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(body: str) -> Checkpoint:
    """Read the text of a checkpoint note, strictly; ProofError checkpoint.malformed."""
    if not body.endswith("\n"):
        _malformed("a checkpoint ends in a newline")
    lines = body[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        _malformed("a checkpoint has an origin, a size and a root, and no empty line")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, parse_size(size), parse_hash(root), tuple(extensions))


def parse_size(text: str) -> int:
    """A decimal number without leading zeros, below 2^62; ProofError checkpoint.malformed."""
    # 19 digits hold every size below the bound; more are not even converted.
    if not _DECIMAL.fullmatch(text) or int(text) >= MAX_SIZE:
        _malformed(f"{text[:40]!r} is no tree size")
    return int(text)


def parse_hash(text: str) -> bytes:
    """32 bytes in padded standard base64; ProofError checkpoint.malformed."""
    decoded = from_base64(text)
    if decoded is None or len(decoded) != HASH_SIZE:
        _malformed("a hash is 32 bytes in base64")
    return decoded


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> str:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.body, signer)


def open_checkpoint(
    raw: str | bytes, known: Sequence[NoteVerifier], *, origin: str | None = None
) -> Checkpoint:
    """The checkpoint in a signed note, once a known key signed it.

    The origin must be `origin`, or else the name of a key that signed. ProofError: note.*,
    checkpoint.malformed, checkpoint.origin.
    """
    return _open(raw.encode() if isinstance(raw, str) else raw, tuple(known), origin)


# A head is proved again for every entry that is proved under it. The same bytes under the same keys mean the
# same for ever; what is refused raises, and is not remembered.
@lru_cache(maxsize=16)
def _open(raw: bytes, known: tuple[NoteVerifier, ...], origin: str | None) -> Checkpoint:
    note = open_note(raw, known)
    checkpoint = parse_checkpoint(note.text)
    accepted = {key.name for key in note.signed_by} if origin is None else {origin}
    if checkpoint.origin not in accepted:
        raise ProofError(
            "checkpoint.origin",
            f"the checkpoint is of the log {checkpoint.origin!r}, not of {' or '.join(sorted(accepted))}",
            hint="give the public key of the log that made it",
        )
    return checkpoint


def _malformed(message: str) -> NoReturn:
    raise ProofError("checkpoint.malformed", message, hint="get the checkpoint again from the log")
