"""What became of mutated signed bytes: refused with a code, or the answer of what they were made from.

subjects = Subjects.of(vectors_dir())
subjects.hold("a name", raw, how)         # AssertionError for an answer that nobody signed
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from placet_attestations.errors import AttestationError
from placet_attestations.reading import read_signed
from placet_attestations.roots.loading import LoadedRoot
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.trust import SignerRecord, TrustPolicy
from placet_attestations.verify import verify
from tests.builders import a_bundle, a_key, a_statement
from tests.fakes.sigstore import Sigstore, pep740
from tests.flips import stamped_key
from tests.mutations import MIXING
from tests.vector_trust import ANYBODY, ROLES, by_name, model_authority, model_signers, root_of, said_digest

_CODE: Final = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_BY_THAT_KEY: Final = re.compile("^oms/historic/.*-(key|certificate)|^oms/valid/(key|certificate)")
_CHAIN: Final = re.compile(r"^oms/.*certificate")
_STAGED: Final = ("conda-attestation-rekor2", "bundle_")


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says; `times` are apart, for fewer of them are no lie."""

    who: tuple[object, ...]
    times: frozenset[object]

    def within(self, other: Told) -> bool:
        """Whether the other says as much."""
        return self.who == other.who and self.times <= other.times


@dataclass(frozen=True, slots=True)
class Subjects:
    """All that is mutated, by name; the trust under which it verifies, and what each says unchanged."""

    raws: Mapping[str, bytes]
    asked: Mapping[str, Mapping[str, Any]] = field(repr=False)
    trusts: Mapping[str, TrustPolicy] = field(repr=False)
    told: Mapping[str, tuple[Told, ...]] = field(repr=False)
    foreign: tuple[Told, ...] = field(repr=False, default=())

    @classmethod
    def of(cls, vectors: Path) -> Self:
        """Every bundle and model signature of the vectors, and of our own: by a key with and without a time
        stamp, a bare envelope, PEP 740.
        """
        instance, statement = Sigstore(), a_statement()
        made = TrustedRoot.parse(json.dumps(instance.root()).encode())
        keyed, stamped = a_bundle(statement, a_key("mutated")), stamped_key()
        raws = {
            "own key": keyed,
            "own envelope": json.dumps(json.loads(keyed)["dsseEnvelope"]).encode(),
            "own stamped key": stamped.raw,
            "own pep740": json.dumps(pep740(instance.sign(instance.leaf(), statement.raw))).encode(),
        }
        theirs = [path for path in (vectors / "bundles").iterdir() if ".sigstore" in path.name]
        theirs += [*(vectors / "oms").glob("*/*.json"), *(vectors / "oms").glob("*/*/model.sig")]
        raws |= {str(path.relative_to(vectors)): path.read_bytes() for path in sorted(theirs)}
        shipped = {name: root_of(name, vectors) for name in ("public-good", "staging")}
        roots = (
            *shipped.values(),
            model_authority(vectors),
            LoadedRoot("fake", (made,), made.digest, made.digest),
            *stamped.trust.roots,
        )
        key, chain = model_signers(vectors)  # of one key, which is one signer in any trust.yaml
        signers = (
            SignerRecord("own", "own", a_key("mutated").public_key, ROLES),
            *stamped.trust.signers,
            *(by_name(f"anybody-{name}", name) for name in ("public-good", "staging", "fake")),
        )
        trusts = {
            name: TrustPolicy.of(
                b"",
                (*signers, chain if _CHAIN.search(name) else key),
                (),
                (),
                roots,
            )
            for name in raws
        }
        asked = {
            name: _question(name, raw, shipped) for name, raw in raws.items() if name.startswith("bundles/")
        }
        told = {name: tuple(_answers(raw, trusts[name], asked.get(name))) for name, raw in raws.items()}
        return cls(raws, asked, trusts, told, _foreign(raws, trusts, asked))

    def hold(self, name: str, raw: bytes, how: tuple[str, ...]) -> str:
        """The code of the refusal of mutated bytes, or `""`: it says what was signed, and no more."""
        code, said = "", list[str]()
        try:
            read_signed(raw)
        except AttestationError as error:
            code = _code(error)
        found = _answers(raw, self.trusts[name], self.asked.get(name), said)
        allowed = list(self.told[name])
        if MIXING & set(how):
            allowed += [*self.foreign, *(told for each in self.told.values() for told in each)]
        for answer in found:
            assert any(answer.within(told) for told in allowed), f"{name}, {how}: {answer}"
        assert not (code and found), "what cannot be read was verified"
        return "" if found else code or said[0]


def _foreign(
    raws: Mapping[str, bytes], trusts: Mapping[str, TrustPolicy], asked: Mapping[str, Mapping[str, Any]]
) -> tuple[Told, ...]:
    """What may come out where content of two is mixed: each to the questions about others, and what the models' one
    key signed, as a signature by the key and as one by its certificate. All of it is true.
    """
    found = [
        answer
        for raw in raws.values()
        for name, question in asked.items()
        for answer in _answers(raw, trusts[name], question)
    ]
    models = {name: json.loads(raw) for name, raw in raws.items() if _BY_THAT_KEY.search(name)}
    for one in models.values():
        for other in models.values():
            raw = json.dumps({**one, "verificationMaterial": other["verificationMaterial"]}).encode()
            found += [answer for name in models for answer in _answers(raw, trusts[name], None)]
    return tuple(dict.fromkeys(found))


def _question(name: str, raw: bytes, shipped: Mapping[str, LoadedRoot]) -> Mapping[str, Any]:
    root = "staging" if any(word in name for word in _STAGED) else "public-good"
    return {"identity": ANYBODY, "root": shipped[root].roots[0], "artifact": said_digest(raw)}


def _answers(
    raw: bytes, trust: TrustPolicy, question: Mapping[str, Any] | None, said: list[str] | None = None
) -> list[Told]:
    """Of `verify`, and of `verify_bundle` where there is a question; codes of refusals go to `said`."""
    found, codes = [], [] if said is None else said
    try:
        one = verify(raw, trust)
        found.append(
            Told((one.statement.raw, one.signer.id, one.certificate, one.window), frozenset(one.times))
        )
    except AttestationError as error:
        codes.append(_code(error))
    if question is not None:
        try:
            two = verify_bundle(raw, **question)
            found.append(Told((two.payload, two.signer, two.artifact), frozenset(two.times)))
        except AttestationError as error:
            codes.append(_code(error))
    return found


def _code(error: AttestationError) -> str:
    assert _CODE.fullmatch(error.code), error.code
    assert error.message
    assert error.hint
    str(error).encode()  # what is printed holds no half of a surrogate pair
    return error.code
