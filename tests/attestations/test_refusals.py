"""Whoever is refused is told the line of trust.yaml that would have admitted it; the line is read here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations import refusals
from placet_attestations.admission import Refused, admit_all
from placet_attestations.errors import AttestationError
from placet_attestations.predicate_types import LOCAL_BUILDER
from placet_attestations.trust import TrustPolicy
from placet_attestations.trust_file import parse_trust
from placet_attestations.verify import VerifiedStatement, verify
from tests.builders import NOW, a_bundle, a_key, a_provenance, a_statement, a_subject

TEXT = """\
version: 1
signers:
  - {id: owner, principal: o, key: owner.pub, roles: [data-owner]}
  - {id: ci, principal: ci, key: ci.pub, roles: [trainer], builders: [BUILDER]}
  - {id: new, principal: n, key: new.pub, roles: [trainer], builders: [BUILDER], valid: {from: 2027-01-01}}
  - {id: old, principal: n, key: old.pub, roles: [trainer], valid: {until: 2026-01-01}}
  - {id: stolen, principal: s, key: stolen.pub, roles: [trainer]}
  - {id: gone, principal: g, key: gone.pub, roles: [trainer]}
  - {id: judge, principal: j, key: judge.pub, roles: [approver]}
rules:
  - {roles: [trainer], types: [training], kinds: [model], may_name: [churn-*]}
  - {roles: [approver], types: [approval], kinds: [model], threshold: 2}
  - {roles: [data-owner], types: [dataset], kinds: [dataset], may_name: ["*"]}
  - {roles: [approver], types: [approval], kinds: [image]}
revoked:
  - {signer: stolen, from: 2026-02-01, reason: found in a log}
  - {signer: gone, from: always}
""".replace("BUILDER", LOCAL_BUILDER)
LINES = TEXT.splitlines()
HOUR = timedelta(hours=1)
NAMED = re.compile(r"trust\.yaml:(\d+)")


def parse(text: str = TEXT) -> TrustPolicy:
    return parse_trust(text.encode(), lambda path, _: a_key(Path(path).stem).public_key)


TRUST = parse()


def by(name: str, short: str = "training", subject: Any = None, **changes: Any) -> VerifiedStatement:
    about = [subject or a_subject("model")]
    return verify(a_bundle(a_statement(short, about, **changes), a_key(name)), TRUST)


def refused(*statements: VerifiedStatement, trust: TrustPolicy = TRUST) -> Refused:
    """The last refusal of the last statement."""
    return admit_all([(found, NOW) for found in statements], trust).admissions[-1].refused[-1]


def lines(text: str) -> list[str]:
    """The lines that a text names, as they stand in the file."""
    return [LINES[int(number) - 1] for number in NAMED.findall(text)]


MODEL = by("ci")
NAMED_MODEL = a_subject("model", name="fraud-model", aliases=["fraud-model@1"])
FOREIGN: Mapping[str, Any] = a_provenance("training") | {
    "runDetails": {"builder": {"id": "https://else.where"}}
}

CASES: list[tuple[str, list[VerifiedStatement], list[str]]] = [
    ("trust.role_missing", [MODEL, by("ci", "approval")], ["{id: ci,", "threshold: 2"]),
    ("trust.role_missing", [by("owner", "training")], ["{id: owner,", "types: [training]"]),
    (
        "trust.role_missing",
        [by("owner", "dataset"), by("judge", "approval")],
        ["{id: judge,", "threshold: 2", "kinds: [image]"],
    ),
    ("trust.role_missing", [MODEL, by("judge", "waiver")], ["{id: judge,"]),
    ("trust.signer_expired", [by("new")], ["{id: new,"]),
    ("trust.signer_expired", [by("old")], ["{id: old,"]),
    ("trust.signer_revoked", [by("stolen")], ["{signer: stolen,"]),
    ("trust.signer_revoked", [by("gone")], ["{signer: gone,"]),
    ("trust.builder_not_allowed", [by("ci", **FOREIGN)], ["{id: ci,"]),
    ("trust.threshold", [MODEL, by("judge", "approval")], ["types: [approval], kinds: [model]"]),
    ("trust.name_not_allowed", [by("ci", subject=NAMED_MODEL)], ["may_name: [churn-*]"]),
    ("trust.kind_unknown", [by("judge", "approval")], []),
]


@pytest.mark.parametrize(("code", "statements", "entries"), CASES)
def test_each_refusal_names_its_line(
    code: str, statements: list[VerifiedStatement], entries: list[str]
) -> None:
    found = refused(*statements)
    assert found.code == code
    told = lines(found.text)
    assert len(told) == len(entries)
    assert all(entry in line for entry, line in zip(entries, told, strict=True))


def test_every_code_has_a_case() -> None:
    # Of another trust.yaml, and of a certificate (test_verify_certificates.py): no line can help there.
    beyond = {"trust.signer_unknown", "trust.certificate_expired"}
    source = Path(refusals.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r'"(trust\.[a-z_]+)"', source)) == {code for code, _, _ in CASES} | beyond


def test_with_that_line_changed_it_counts() -> None:
    """What is told is true: the entry that is named, and nothing else, is what stands in the way."""
    mends = {
        ("ci", "approval"): ("id: ci, principal: ci, key: ci.pub, roles: [", "approver, "),
        ("new", "training"): ("valid: {from: ", "2026-01-01} }\n#"),
    }
    for (name, short), (place, more) in mends.items():
        mended = parse(TEXT.replace(place, place + more, 1).replace("threshold: 2", "threshold: 1"))
        statements = [
            (verify(a_bundle(a_statement("training", [a_subject("model")]), a_key("ci")), mended), NOW)
        ]
        statements.append(
            (verify(a_bundle(a_statement(short, [a_subject("model")]), a_key(name)), mended), NOW)
        )
        assert [entry.refused for entry in admit_all(statements, mended).admissions] == [(), ()]


def test_a_signer_whom_this_trust_yaml_does_not_name() -> None:
    without = parse(TEXT.replace("id: ci, principal: ci, key: ci.pub", "id: ci, principal: ci, key: ci2.pub"))
    found = refused(MODEL, trust=without)
    assert (found.code, found.text) == ("trust.signer_unknown", "ci is not in trust.yaml")


def test_a_stranger_by_key_is_told_by_no_line() -> None:
    with pytest.raises(AttestationError) as caught:
        by("stranger")
    assert (caught.value.code, NAMED.findall(str(caught.value))) == ("signature.unknown_key", [])


def test_a_line_is_named_once_however_many_rules_stand_in_it() -> None:
    flow = "rules: [" + ", ".join(line.removeprefix("  - ") for line in LINES[10:14]) + "]"
    trust = parse("\n".join([*LINES[:9], flow, ""]))
    rules = [rule for rule in trust.rules if "approval" in rule.types]
    assert len(rules) == 2
    code, words = refusals.no_rule(TRUST.signers[1], "approval", None, trust.rules)
    assert code == "trust.role_missing"
    assert words.endswith(f"one of the roles approver ({rules[0].where})")


def test_a_builder_of_any_length_is_told_in_few_words() -> None:
    _, words = refusals.builder_not_allowed(TRUST.signers[1], "https://x/" + "y" * 10_000)
    assert len(words) < 400
