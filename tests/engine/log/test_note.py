from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_engine.errors import ProofError
from placet_engine.log.limits import LogLimits
from placet_engine.log.note import NoteSigner, NoteVerifier, open_note, sign_note, valid_name
from tests.engine.log.making import OTHER, SIGNER, flip

TEXT = "first line\n\nlast line\n"
NOTE = sign_note(TEXT, SIGNER)
LINE = NOTE.splitlines()[-1]
PRINTABLE = st.characters(blacklist_categories=("Cc", "Cs"))


def refused(raw: str | bytes, *known: NoteVerifier, limits: LogLimits | None = None) -> str:
    with pytest.raises(ProofError) as caught:
        open_note(
            raw.encode() if isinstance(raw, str) else raw, known or (SIGNER.verifier,), limits or LogLimits()
        )
    assert caught.value.hint
    return caught.value.code


@given(st.lists(st.text(PRINTABLE), min_size=1))
def test_what_was_signed_is_what_is_opened(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    note = open_note(sign_note(text, SIGNER).encode(), (SIGNER.verifier,))
    assert (note.text, note.signed_by) == (text, (SIGNER.verifier,))


@given(st.integers(0, len(NOTE.encode()) - 1))
def test_a_changed_note_is_refused(at: int) -> None:
    refused(flip(NOTE.encode(), at))


@given(st.binary(min_size=32, max_size=32))
def test_keys_read_as_they_are_written(seed: bytes) -> None:
    signer = NoteSigner.of("example.org/a", seed)
    assert NoteSigner.parse(signer.private_text).private_text == signer.private_text
    assert NoteVerifier.parse(f"{signer.verifier.vkey}\n") == signer.verifier


def test_a_private_key_does_not_show() -> None:
    signer = NoteSigner.generate("example.org/a")
    material = signer.private_text.split("+", 4)[-1]  # base64 has a + of its own
    assert len(material) > 40
    assert material not in repr(signer)
    assert signer != NoteSigner.generate("example.org/a")


def test_signatures_of_unknown_keys_are_ignored() -> None:
    note = sign_note(TEXT, OTHER, SIGNER)
    assert open_note(note.encode(), (SIGNER.verifier,)).signed_by == (SIGNER.verifier,)
    assert open_note(note.encode(), (SIGNER.verifier, OTHER.verifier)).signed_by == (
        OTHER.verifier,
        SIGNER.verifier,
    )


def test_a_repeated_signature_counts_once() -> None:
    assert open_note(f"{NOTE}{LINE}\n".encode(), (SIGNER.verifier,)).signed_by == (SIGNER.verifier,)


def test_one_failing_known_key_refuses_the_note() -> None:
    forged = b64encode(OTHER.verifier.key_id + bytes(64)).decode()
    note = f"{NOTE}\N{EM DASH} {OTHER.name} {forged}\n"
    assert open_note(note.encode(), (SIGNER.verifier,)).signed_by == (SIGNER.verifier,)
    assert refused(note, SIGNER.verifier, OTHER.verifier) == "note.signature"


def test_a_key_of_that_name_or_that_id_only_is_unknown() -> None:
    same_id = NoteVerifier("example.org/other", SIGNER.verifier.key_id, SIGNER.verifier.public)
    assert refused(NOTE, same_id) == "note.unsigned"
    assert refused(NOTE, OTHER.verifier) == "note.unsigned"
    with pytest.raises(ProofError, match="nobody"):
        open_note(NOTE.encode(), ())


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(TEXT, id="no signature"),
        pytest.param("", id="empty"),
        pytest.param(NOTE.removesuffix("\n"), id="no last newline"),
        pytest.param(NOTE + "\n", id="blank line at the end"),
        pytest.param(NOTE.replace("first", "fi\trst"), id="control character"),
        pytest.param(NOTE.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param(NOTE.replace("\N{EM DASH} ", "- "), id="another dash"),
        pytest.param(f"{NOTE}\N{EM DASH} name\n", id="no signature in the line"),
        pytest.param(f"{NOTE}\N{EM DASH} name !!!!\n", id="not base64"),
        pytest.param(f"{NOTE}\N{EM DASH} name AAAAAA\n", id="no padding"),
        pytest.param(f"{NOTE}\N{EM DASH} name AAAAAB==\n", id="stray bits"),
        pytest.param(f"{NOTE}\N{EM DASH} name AAAA\n", id="too short"),
        pytest.param(f"{NOTE}\N{EM DASH} name \N{LATIN SMALL LETTER E WITH ACUTE}\n", id="not ASCII"),
        pytest.param(NOTE.encode() + b"\xff", id="not UTF-8"),
    ],
)
def test_a_malformed_note(note: str | bytes) -> None:
    assert refused(note) == "note.malformed"


def test_a_note_has_bounds() -> None:
    assert refused(NOTE, limits=LogLimits(max_note_bytes=len(NOTE.encode()) - 1)) == "note.malformed"
    many = NOTE + f"{LINE}\n" * 16
    assert open_note(many.encode(), (SIGNER.verifier,)).text == TEXT
    assert refused(many, limits=LogLimits(max_note_signatures=16)) == "note.malformed"


@pytest.mark.parametrize("text", ["no newline", "a\tb\n"])
def test_a_text_that_makes_no_note(text: str) -> None:
    with pytest.raises(ProofError) as caught:
        sign_note(text, SIGNER)
    assert caught.value.code == "note.text"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x00", "x" * 1025, "é" * 513])
def test_a_name_that_no_key_may_have(name: str) -> None:
    with pytest.raises(ProofError) as caught:
        valid_name(name)
    assert caught.value.code == "note.name"


PUBLIC = b64encode(b"\x01" + SIGNER.verifier.public).decode()
KEY_ID = SIGNER.verifier.key_id.hex()


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        f"name+{KEY_ID}",
        f"name+{KEY_ID}+{PUBLIC}",
        f"{SIGNER.name}+00000000+{PUBLIC}",
        f"{SIGNER.name}+{KEY_ID}+{PUBLIC[:-1]}",
        f"{SIGNER.name}+{KEY_ID}+" + b64encode(b"\x04" + SIGNER.verifier.public).decode(),
        f"{SIGNER.name}+{KEY_ID}+" + b64encode(b"\x01" + bytes(31)).decode(),
    ],
)
def test_a_text_that_is_no_verifier_key(vkey: str) -> None:
    with pytest.raises(ProofError) as caught:
        NoteVerifier.parse(vkey)
    assert caught.value.code == "note.vkey"


@pytest.mark.parametrize(
    "text",
    [
        SIGNER.verifier.vkey,
        "PRIVATE+KEY+name",
        SIGNER.private_text.replace(KEY_ID, "00000000"),
        f"PRIVATE+KEY+{SIGNER.name}+{KEY_ID}+" + b64encode(b"\x02" + bytes(32)).decode(),
        f"PRIVATE+KEY+{SIGNER.name}+{KEY_ID}+" + b64encode(b"\x01" + bytes(31)).decode(),
    ],
)
def test_a_text_that_is_no_private_key(text: str) -> None:
    with pytest.raises(ProofError) as caught:
        NoteSigner.parse(text)
    assert caught.value.code == "note.private_key"
