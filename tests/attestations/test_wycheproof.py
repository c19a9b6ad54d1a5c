"""Wycheproof: signatures with every known flaw, for every algorithm that a trusted key may have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from placet_attestations._algorithms import ALGORITHMS
from placet_attestations.keys import Algorithm, PublicKey
from tests.vectors import vectors_dir

pytestmark = pytest.mark.conformance

FILES: Final[dict[str, Algorithm]] = {
    "ecdsa_secp256r1_sha256_test.json": "ecdsa-p256",
    "ecdsa_secp384r1_sha384_test.json": "ecdsa-p384",
    "ed25519_test.json": "ed25519",
    "rsa_pss_2048_sha256_mgf1_32_test.json": "rsa-pss-sha256",
    "rsa_pss_3072_sha256_mgf1_32_test.json": "rsa-pss-sha256",
    "rsa_signature_2048_sha256_test.json": "rsa-pkcs1-sha256",
    "rsa_signature_3072_sha256_test.json": "rsa-pkcs1-sha256",
}

# What Wycheproof leaves open, decided: (file, tcId) -> (accepted, why).
_NO_NULL = "DigestInfo without NULL: RFC 8017 section 9.2 makes one encoding, and only that is compared"
ACCEPTABLE: Final[dict[tuple[str, int], tuple[bool, str]]] = {
    ("rsa_signature_2048_sha256_test.json", 8): (False, _NO_NULL),
    ("rsa_signature_3072_sha256_test.json", 8): (False, _NO_NULL),
}


def expected(name: str, test: dict[str, Any]) -> bool:
    if test["result"] == "acceptable":
        return ACCEPTABLE[name, test["tcId"]][0]
    return bool(test["result"] == "valid")


@pytest.mark.parametrize("name", FILES)
def test_every_signature_is_decided_as_it_must_be(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    document = json.loads(vectors_dir().joinpath("wycheproof", name).read_bytes())
    wrong: list[tuple[int, str, str]] = []
    counts: Counter[tuple[str, bool]] = Counter()
    for group in document["testGroups"]:
        key = PublicKey.from_der(bytes.fromhex(group["publicKeyDer"]), FILES[name])
        assert key == PublicKey.from_pem(group["publicKeyPem"].encode(), FILES[name])
        for test in group["tests"]:
            good = key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            counts[test["result"], good] += 1
            if good is not expected(name, test):
                wrong.append((test["tcId"], test["comment"], test["result"]))
    assert wrong == []
    assert sum(counts.values()) == document["numberOfTests"] > 0
    rows = [
        f"{number} {result} {'accepted' if good else 'refused'}"
        for (result, good), number in sorted(counts.items(), reverse=True)
    ]
    record_property("conformance", f"wycheproof {name.removesuffix('_test.json')}: {', '.join(rows)}")
    for (file, number), (good, why) in ACCEPTABLE.items():
        if file == name:
            words = f"  acceptable {number} {'accepted' if good else 'refused'}: {why}"
            record_property("conformance", words)


def test_every_file_of_the_folder_is_run() -> None:
    assert {path.name for path in vectors_dir().glob("wycheproof/*.json")} == set(FILES)
    assert set(FILES.values()) == set(ALGORITHMS)


def test_every_open_question_is_answered() -> None:
    open_questions = {
        (name, test["tcId"])
        for name in FILES
        for group in json.loads(vectors_dir().joinpath("wycheproof", name).read_bytes())["testGroups"]
        for test in group["tests"]
        if test["result"] == "acceptable"
    }
    assert open_questions == set(ACCEPTABLE)
