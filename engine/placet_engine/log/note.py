"""Signed notes (C2SP signed-note v1.0.0): text, a blank line, and one line for each signature. Ed25519 only.

::

    This is an example message.

    — example.com/foo
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

The text of a note must not be looked at before a known key has signed it; `open_note` is the only way to get
it. This is the only file of the room that imports cryptography.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from placet_engine.errors import ProofError
from placet_engine.log.encoding import from_base64, to_base64
from placet_engine.log.limits import DEFAULT_LOG_LIMITS, LogLimits

ED25519 = b"\x01"
PRIVATE_PREFIX = "PRIVATE+KEY+"
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key that may sign notes: its name, its 4-byte key ID, its 32 bytes. Compare it by value."""

    name: str
    key_id: bytes
    public: bytes

    @classmethod
    def of(cls, name: str, public: bytes) -> NoteVerifier:
        """The verifier of an Ed25519 key under `name`."""
        return cls(valid_name(name), _key_id(name, public), public)

    @classmethod
    def parse(cls, vkey: str) -> NoteVerifier:
        """Read ``name+hex(key ID)+base64(type || key)``; ProofError note.vkey when it is not one."""
        name, key_id, material = _split_key(vkey, "note.vkey")
        public = _decode(material, "note.vkey")
        if public[:1] != ED25519 or len(public) != 33:
            _refuse(
                "note.vkey",
                "the verifier key is not an Ed25519 key",
                "this version reads signature type 0x01 only",
            )
        verifier = cls.of(name, public[1:])
        if verifier.key_id.hex() != key_id:
            _refuse(
                "note.vkey", f"this verifier key does not have the ID {key_id}", "copy the whole line again"
            )
        return verifier

    @property
    def vkey(self) -> str:
        """The one-line text form that people pass around."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(ED25519 + self.public)}"

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made `signature` over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key that signs notes. It never shows in a repr."""

    verifier: NoteVerifier
    _key: Ed25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, name: str, seed: bytes) -> NoteSigner:
        """The signer with this 32-byte Ed25519 seed under `name`."""
        key = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(NoteVerifier.of(name, key.public_key().public_bytes_raw()), key)

    @classmethod
    def generate(cls, name: str) -> NoteSigner:
        """A new key under `name`."""
        return cls.of(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> NoteSigner:
        """Read Go's ``PRIVATE+KEY+name+hex(key ID)+base64(type || seed)``; ProofError note.private_key."""
        if not text.startswith(PRIVATE_PREFIX):
            _refuse("note.private_key", f"a log key starts with {PRIVATE_PREFIX}", "is this the public key?")
        name, key_id, material = _split_key(text.removeprefix(PRIVATE_PREFIX), "note.private_key")
        seed = _decode(material, "note.private_key")
        if seed[:1] != ED25519 or len(seed) != 33:
            _refuse(
                "note.private_key",
                "the log key is not an Ed25519 key",
                "this version signs with type 0x01 only",
            )
        signer = cls.of(name, seed[1:])
        if signer.verifier.key_id.hex() != key_id:
            _refuse("note.private_key", f"this log key does not have the ID {key_id}", "restore the key file")
        return signer

    @property
    def name(self) -> str:
        """The key name, which is the origin of the log it signs for."""
        return self.verifier.name

    @property
    def private_text(self) -> str:
        """The text form of the private key; it belongs into a file of mode 0600 and nowhere else."""
        material = to_base64(ED25519 + self._key.private_bytes_raw())
        return f"{PRIVATE_PREFIX}{self.name}+{self.verifier.key_id.hex()}+{material}"

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""
        return self._key.sign(message)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who claims to have signed, and with what."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """The text of a note that at least one known key signed, and which keys did."""

    text: str
    signed_by: tuple[NoteVerifier, ...]


def sign_note(text: str, *signers: NoteSigner) -> str:
    """The note over `text` (which ends in a newline), signed by each signer in order."""
    if not text.endswith("\n") or _has_control(text):
        _refuse(
            "note.text", "a note ends in a newline and holds no control characters", "end it in a newline"
        )
    lines = [
        f"{_DASH}{signer.name} {to_base64(signer.verifier.key_id + signer.sign(text.encode()))}\n"
        for signer in signers
    ]
    return f"{text}\n{''.join(lines)}"


def open_note(
    raw: bytes, known: Sequence[NoteVerifier], limits: LogLimits = DEFAULT_LOG_LIMITS
) -> OpenedNote:
    """The text of a note, once the signatures of all known keys on it hold.

    Signatures of unknown keys are ignored. ProofError: note.malformed, note.signature (a known key's
    signature does not verify: the whole note is refused), note.unsigned (no known key signed it).
    """
    text, signatures = _parse(raw, limits)
    keys = {(key.name, key.key_id): key for key in known}
    signed_by: list[NoteVerifier] = []
    for line in signatures:
        key = keys.get((line.name, line.key_id))
        if key is None or key in signed_by:
            continue
        if not key.verify(text.encode(), line.signature):
            _refuse(
                "note.signature",
                f"the signature of {key.name} does not verify",
                "the text changed after signing",
            )
        signed_by.append(key)
    if not signed_by:
        names = ", ".join(sorted({key.name for key in known})) or "nobody"
        _refuse(
            "note.unsigned",
            f"no known key signed this note (known: {names})",
            "give the public key of the log that made it",
        )
    return OpenedNote(text, tuple(signed_by))


def valid_name(name: str) -> str:
    """`name` when a key may have it: 1 to 1,024 bytes, no space, no plus, no control character.

    ProofError note.name otherwise.
    """
    length = len(name.encode("utf-8", "surrogatepass"))
    if not 0 < length <= 1024 or any(char.isspace() or char < " " or char == "+" for char in name):
        _refuse(
            "note.name",
            f"{name!r} is no key name",
            "use a URL without scheme, space or plus: example.org/log",
        )
    return name


def _parse(raw: bytes, limits: LogLimits) -> tuple[str, tuple[NoteSignature, ...]]:
    if len(raw) > limits.max_note_bytes:
        _malformed(f"the note is larger than {limits.max_note_bytes} bytes")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        _malformed("the note is not UTF-8")
    if _has_control(whole):
        _malformed("the note holds a control character")
    head, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        _malformed("the note has no signature lines after a blank line")
    lines = tail[:-1].split("\n")
    if len(lines) > limits.max_note_signatures:
        _malformed(f"the note has more than {limits.max_note_signatures} signatures")
    return f"{head}\n", tuple(_signature(line) for line in lines)


def _signature(line: str) -> NoteSignature:
    name, space, material = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        _malformed("a signature line is not of the form em dash, name, signature")
    valid_name(name)
    decoded = _decode(material, "note.malformed")
    if len(decoded) < 5:
        _malformed("a signature is too short")
    return NoteSignature(name, decoded[:4], decoded[4:])


def _split_key(text: str, code: str) -> tuple[str, str, str]:
    # The base64 part may hold a plus itself, the name may not.
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        _refuse(code, "a key reads name+keyid+base64", "copy the whole line of the key file")
    return parts[0], parts[1], parts[2]


def _decode(text: str, code: str) -> bytes:
    decoded = from_base64(text)
    if not decoded:
        _refuse(code, "that is not padded standard base64", "copy the whole line again")
    return decoded


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def _has_control(text: str) -> bool:
    return any(char < " " and char != "\n" for char in text)


def _malformed(message: str) -> NoReturn:
    _refuse("note.malformed", message, "this is not a signed note; get it again from where it was made")


def _refuse(code: str, message: str, hint: str) -> NoReturn:
    raise ProofError(code, message, hint=hint)
