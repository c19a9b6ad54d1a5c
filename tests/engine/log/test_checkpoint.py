from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_engine.errors import ProofError
from placet_engine.log.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from placet_engine.log.note import sign_note
from tests.engine.log.making import ORIGIN, OTHER, SIGNER, flip

ROOT = b64encode(bytes(32)).decode()


@given(
    st.integers(0, MAX_SIZE - 1), st.binary(min_size=32, max_size=32), st.lists(st.text("abc", min_size=1))
)
def test_a_checkpoint_reads_as_it_was_signed(size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root, tuple(extensions))
    assert open_checkpoint(sign_checkpoint(checkpoint, SIGNER), (SIGNER.verifier,)) == checkpoint


@pytest.mark.parametrize(
    "body",
    [
        "",
        "origin\n",
        f"origin\n1\n{ROOT}",
        f"origin\n\n1\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n1 \n{ROOT}\n",
        f"origin\n1e3\n{ROOT}\n",
        f"origin\n{MAX_SIZE}\n{ROOT}\n",
        f"origin\n{'9' * 5000}\n{ROOT}\n",
        f"origin\n\N{ARABIC-INDIC DIGIT ONE}\n{ROOT}\n",
        f"origin\n1\n{ROOT[:-1]}\n",
        f"origin\n1\n{ROOT[:-2]}B=\n",
        f"origin\n1\n{b64encode(bytes(31)).decode()}\n",
        f"origin\n1\n{ROOT}\n\n",
        "origin\n1\n\N{EM DASH}\n",
    ],
)
def test_a_text_that_is_no_checkpoint(body: str) -> None:
    with pytest.raises(ProofError) as caught:
        parse_checkpoint(body)
    assert caught.value.code == "checkpoint.malformed"


def test_the_origin_is_the_name_of_the_key_unless_given() -> None:
    foreign = sign_note(Checkpoint("example.org/other", 0, bytes(32)).body, SIGNER)
    with pytest.raises(ProofError) as caught:
        open_checkpoint(foreign, (SIGNER.verifier,))
    assert caught.value.code == "checkpoint.origin"
    assert open_checkpoint(foreign, (SIGNER.verifier,), origin="example.org/other").size == 0


def test_a_checkpoint_that_was_proved_is_proved_for_its_key_origin_and_bytes_only() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, bytes(32)), SIGNER).encode()
    for _ in range(2):  # as remembered, too
        assert open_checkpoint(note, (SIGNER.verifier,), origin=ORIGIN).size == 7
        refused = [
            (note, OTHER, ORIGIN, "note.unsigned"),
            (note, SIGNER, "example.org/other", "checkpoint.origin"),
            (flip(note, len(ORIGIN) + 1), SIGNER, ORIGIN, "note.signature"),
        ]
        for raw, signer, origin, code in refused:
            with pytest.raises(ProofError) as caught:
                open_checkpoint(raw, (signer.verifier,), origin=origin)
            assert caught.value.code == code
