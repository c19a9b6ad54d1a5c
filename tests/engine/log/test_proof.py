from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from placet_engine.errors import ProofError
from placet_engine.log.proof import HEADER, Proof, parse_proof
from tests.engine.log.making import ORIGIN, OTHER, SIGNER, filled, flip, open_log


@pytest.fixture
def proof(tmp_path: Path) -> Proof:
    filled(tmp_path, 11)
    with open_log(tmp_path) as log:
        return log.prove(4)


def refused(proof: Proof, origin: str | None = None) -> str:
    with pytest.raises(ProofError) as caught:
        proof.check(SIGNER.verifier, origin)
    assert caught.value.hint
    return caught.value.code


def test_a_proof_reads_as_it_is_written(proof: Proof) -> None:
    text = proof.as_text()
    assert parse_proof(text) == proof
    assert text.startswith(f"{HEADER}\nextra {b64encode(proof.leaf).decode()}\nindex 4\n")
    assert text.endswith(f"\n\n{proof.checkpoint}")
    checkpoint = proof.check(SIGNER.verifier)
    assert (checkpoint.size, checkpoint.origin) == (11, ORIGIN)


def test_a_changed_proof_is_refused(proof: Proof) -> None:
    assert refused(replace(proof, leaf=flip(proof.leaf))) == "proof.inclusion"
    assert refused(replace(proof, index=5)) == "proof.inclusion"
    assert refused(replace(proof, index=11)) == "proof.inclusion"
    assert refused(replace(proof, path=proof.path[1:])) == "proof.inclusion"
    assert refused(replace(proof, path=(flip(proof.path[0]), *proof.path[1:]))) == "proof.inclusion"
    assert (
        refused(replace(proof, checkpoint=proof.checkpoint.replace("\n11\n", "\n12\n"))) == "note.signature"
    )
    assert refused(proof, "example.org/other") == "checkpoint.origin"
    with pytest.raises(ProofError) as caught:
        proof.check(OTHER.verifier)
    assert caught.value.code == "note.unsigned"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HEADER, "c2sp.org/tlog-proof@v2"),
        ("extra ", "more "),
        ("index 4", "place 4"),
        ("index 4", "index 04"),
        ("\n\n", "\n"),
        ("extra ", "extra !"),
        ("extra ", "extra \N{EM DASH}"),
        ("index 4\n", "index 4\nAAAA\n"),
        ("index 4\n", "index 4\n" + f"{b64encode(bytes(32)).decode()}\n" * 64),
    ],
)
def test_a_text_that_is_no_proof(proof: Proof, old: str, new: str) -> None:
    with pytest.raises(ProofError) as caught:
        parse_proof(proof.as_text().replace(old, new, 1))
    assert caught.value.code == "proof.malformed"


def test_a_header_alone_is_no_proof() -> None:
    with pytest.raises(ProofError):
        parse_proof(f"{HEADER}\n\nrest")
