"""The errors of this room: one tree, named for what is at fault.

AttestationError                    everything this room may raise at a caller
├── MalformedError                  bytes are not what they claim to be
│   └── UnsupportedError            well-formed, but of a kind this version does not verify
├── VerificationError               well-formed, but not to be believed
├── IdentityError                   a path that has no identity
├── KeyFileError                    a key file that cannot be used
└── StoreError                      the evidence store cannot do it

Each carries a dotted `code` (a contract: tests, policies and other people's scripts compare it), a message
that says what happened, `where` it happened and a `hint` that says what to do. Texts may change, codes may
not.
"""

from __future__ import annotations


class AttestationError(Exception):
    """Anything this room refuses: show `str(error)` and below it `error.hint`, compare only `error.code`."""

    def __init__(self, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        # `args` alone must rebuild the error: copy and pickle call the class with them, then restore
        # __dict__.
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.where})" if self.where else self.message


class MalformedError(AttestationError):
    """Bytes are not what they claim (JSON, base64, DSSE, bundle, statement, predicate, trust.yaml, key, CSV).

    Repeating the call cannot help; whoever wrote the bytes must write them again.
    """


class UnsupportedError(MalformedError):
    """Well-formed, but of a kind that this version does not verify: treat it as not verified, and say so."""


class VerificationError(AttestationError):
    """Well-formed, but not to be believed: a wrong signature, an unknown key. Never retry, never ignore."""


class IdentityError(AttestationError):
    """A path has no identity: missing, special, a symlink, badly named, empty, or changed while it was read.

    Only `file.changed` is worth another try, once whoever writes the file has finished.
    """


class KeyFileError(AttestationError):
    """A key file is missing, readable by others, or of another algorithm: mend the file, then retry."""


class StoreError(AttestationError):
    """The evidence store cannot do it: full, locked, corrupt. The call that raised has stored nothing."""
