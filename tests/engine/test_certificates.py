"""Evidence by certificate through the whole house, and what a proved time changes: windows, revocations, `as_of`."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import VerificationError
from placet_attestations.times import format_time
from placet_engine.facts import Question, build
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Lineage
from placet_engine.policy.shipped import shipped_policies
from tests.builders import a_bundle, a_digest, a_key, a_statement, a_subject
from tests.certified import (
    CLAIMS,
    WORKFLOW,
    a_realm,
    by_managed_key,
    by_trainer,
    by_workflow,
    line_of,
    training,
)
from tests.contracts.test_facts_schema import fits
from tests.engine.houses import GATE, Clock, House, memory_house, the_opa
from tests.fakes import pki
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW

MODEL = a_digest("model")
ARRIVED = datetime(2026, 11, 24, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OWNER = "{id: owner, principal: o, key: owner.pub, root: acme, roles: [trainer]}"
PLAIN = OWNER.replace("root: acme, ", "")
OLD = WORKFLOW.replace("}", ", valid: {until: TIME}}")
NEXT = WORKFLOW.replace("id: ci,", "id: next,").replace("root: acme", "root: acme, valid: {from: TIME}")


def house_of(folder: Path, *signers: str, revoked: str = "", arrived: datetime = ARRIVED) -> House:
    kept = Path(tempfile.mkdtemp(dir=folder))
    return memory_house(kept, trust=a_realm(folder, *signers, revoked=revoked), clock=Clock(arrived))


def lineage_of(house: House, *bundles: bytes, as_of: datetime | None = None) -> Lineage:
    house.take(*bundles)
    return trace(MODEL, house.reader, house.trust, as_of=as_of)


def codes(lineage: Lineage) -> list[str]:
    return [finding.code for finding in lineage.findings]


def facts_of(lineage: Lineage) -> dict[str, Any]:
    return fits(build(Question(GATE, MODEL, ARRIVED, None, {}, dry_run=True), lineage, as_of=1, uses={}))


def test_a_statement_by_certificate_is_told_with_who_signed_and_the_proved_time(tmp_path: Path) -> None:
    raw = by_workflow()
    house = house_of(tmp_path)
    facts = facts_of(lineage_of(house, raw))
    seen = facts["statements"][Digest.of(raw)]
    assert seen["since"] == format_time(NOW)
    assert house.log.evidence_time(Digest.of(raw)) == ARRIVED
    assert seen["signers"] == [
        {
            "id": "ci",
            "principal": "ci",
            "roles": ["trainer"],
            "certificate": {
                "issuer": ISSUER,
                "identity": IDENTITY,
                "claims": {name: said for name, (_, said) in CLAIMS.items()},
            },
        }
    ]


def test_an_own_authority_is_told_without_issuer_and_by_its_arrival(tmp_path: Path) -> None:
    trainer = f"{{id: trainer, principal: t, root: pki, identity: {pki.SPIFFE}, roles: [trainer]}}"
    house, raw = house_of(tmp_path, trainer, arrived=NOW + MINUTE), by_trainer()
    seen = facts_of(lineage_of(house, raw))["statements"][Digest.of(raw)]
    assert seen["since"] == format_time(NOW + MINUTE)
    assert seen["signers"][0]["certificate"] == {"issuer": "", "identity": pki.SPIFFE, "claims": {}}
    late = house_of(tmp_path, trainer)
    lineage = lineage_of(late, raw)
    assert (codes(lineage), lineage.statements) == (["trust.certificate_expired"], {})
    assert "the certificate of trainer was not valid at" in lineage.findings[0].text


RULE = """\
package placet.custom

hosted contains digest if {
	some digest, statement in input.statements
	some signer in statement.signers
	signer.certificate.claims.runnerEnvironment == "github-hosted"
}
"""


@pytest.mark.parametrize(("said", "hosted"), [("github-hosted", True), ("self-hosted", False)])
def test_a_rule_of_ones_own_reads_the_claims(tmp_path: Path, said: str, hosted: bool) -> None:
    raw = by_workflow(claims={**CLAIMS, "runnerEnvironment": (11, said)})
    facts = facts_of(lineage_of(house_of(tmp_path, WORKFLOW, PLAIN), raw, a_bundle(training())))
    assert len(facts["statements"]) == 2
    rules = tmp_path / "rules"
    rules.mkdir()
    shutil.copy(shipped_policies() / "placet" / "placet.rego", rules)
    (rules / "custom.rego").write_text(RULE)
    (tmp_path / "input.json").write_text(json.dumps(facts))
    told("check", "--strict", "--schema", str(shipped_policies() / "schemas"), str(rules))
    query = "data.placet.custom.hosted"
    answer = told("eval", "-d", str(rules), "-i", str(tmp_path / "input.json"), "-f", "json", query)
    found = json.loads(answer)["result"][0]["expressions"][0]["value"]
    assert found == ([str(Digest.of(raw))] if hosted else [])


def told(*arguments: str) -> bytes:
    done = subprocess.run([the_opa().path, *arguments], env={}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def revoked(since: str) -> str:
    return (
        f"revoked:\n  - {{signer: ci, from: {since}, reason: stolen}}\n  - {{signer: owner, from: {since}}}"
    )


AFTER, AT, BEFORE = (format_time(NOW + delta) for delta in (MINUTE, timedelta(), -MINUTE))


@pytest.mark.parametrize(
    ("since", "counts"), [(AFTER, True), (AT, False), (BEFORE, False), ("always", False)]
)
def test_a_revocation_goes_by_the_proved_time(tmp_path: Path, since: str, counts: bool) -> None:
    lineage = lineage_of(house_of(tmp_path, WORKFLOW, revoked=revoked(since)), by_workflow())
    assert bool(lineage.statements) is counts
    assert codes(lineage) == ([] if counts else ["trust.signer_revoked"])


def test_a_key_proves_no_time_but_its_arrival(tmp_path: Path) -> None:
    raw = a_bundle(training())
    soon = format_time(NOW + MINUTE)
    late = lineage_of(house_of(tmp_path, PLAIN, revoked=revoked(soon)), raw)
    assert codes(late) == ["trust.signer_revoked"]
    early = lineage_of(house_of(tmp_path, PLAIN, revoked=revoked(soon), arrived=NOW), raw)
    assert (codes(early), len(early.statements)) == ([], 1)
    # With a log entry that its root proves, it is as good as a certificate's; without the root it is not read.
    logged = by_managed_key(raw, logged=NOW)
    assert codes(lineage_of(house_of(tmp_path, OWNER, revoked=revoked(soon)), logged)) == []
    assert codes(lineage_of(house_of(tmp_path, PLAIN, revoked=revoked(soon)), logged)) == [
        "trust.signer_revoked"
    ]
    assert codes(lineage_of(house_of(tmp_path, OWNER, revoked=revoked("always")), logged)) == [
        "trust.signer_revoked"
    ]


@pytest.mark.parametrize(
    ("valid", "code"),
    [
        (f"{{from: {AT}}}", None),
        (f"{{from: {AFTER}}}", "trust.signer_expired"),
        (f"{{until: {AFTER}}}", None),
        (f"{{until: {AT}}}", "trust.signer_expired"),
    ],
)
def test_a_signers_window_goes_by_the_proved_time(tmp_path: Path, valid: str, code: str | None) -> None:
    signer = WORKFLOW.replace("root: acme", f"root: acme, valid: {valid}")
    lineage = lineage_of(house_of(tmp_path, signer), by_workflow())
    assert codes(lineage) == ([] if code is None else [code])


@pytest.mark.parametrize(("minutes", "by"), [(-1, "old"), (0, "new"), (1, "new")])
def test_a_key_is_rotated_without_a_gap(tmp_path: Path, minutes: int, by: str) -> None:
    """The old key until T, the new one from T: at every time just one of them counts, at T the new one."""
    at = format_time(NOW)
    signers = [
        f"{{id: {name}, principal: o, key: {name}.pub, root: acme, roles: [trainer], valid: {{{word}: {at}}}}}"
        for name, word in (("old", "until"), ("new", "from"))
    ]
    for name in ("old", "new"):
        (tmp_path / f"{name}.pub").write_text(a_key(name).public_key.pem)
    house, when = house_of(tmp_path, *signers), NOW + minutes * MINUTE
    bundles = {name: by_managed_key(a_bundle(training(), a_key(name)), stamp=when) for name in ("old", "new")}
    lineage = lineage_of(house, *bundles.values())
    assert [admitted.verified.signer.id for admitted in lineage.statements.values()] == [by]
    (finding,) = lineage.findings
    assert (finding.code, finding.signer) == ("trust.signer_expired", "new" if by == "old" else "old")
    where = finding.text.rpartition("(")[2].rstrip(")")
    assert f"id: {finding.signer}" in line_of(tmp_path, where)


def test_what_arrives_later_than_asked_is_of_the_future_however_old_it_is(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    before = lineage_of(house, by_workflow(), as_of=ARRIVED - MINUTE)
    assert (codes(before), before.statements) == (["evidence.future"], {})
    assert format_time(ARRIVED) in before.findings[0].text
    assert len(trace(MODEL, house.reader, house.trust, as_of=ARRIVED).statements) == 1


def test_nobody_waits_for_a_time_that_is_proved_only_later(tmp_path: Path) -> None:
    """A time stamp that is ahead of our clock makes nothing newer than its arrival."""
    house = house_of(tmp_path, arrived=NOW - MINUTE)
    raw = by_workflow()
    (admitted,) = lineage_of(house, raw).statements.values()
    assert admitted.arrived.since == NOW - MINUTE


def test_who_may_not_sign_it_hears_the_lines_at_the_door(tmp_path: Path) -> None:
    house = house_of(tmp_path, WORKFLOW.replace("[trainer]", "[visitor]"))
    with pytest.raises(VerificationError) as caught:
        house.take(by_workflow())
    assert caught.value.code == "trust.role_missing"
    lines = [
        line_of(tmp_path, word.strip("(),;:")) for word in caught.value.message.split() if "yaml:" in word
    ]
    assert ["id: ci" in lines[0], "roles: [trainer], types" in lines[1]] == [True, True]
    with pytest.raises(VerificationError) as caught:
        house.take(by_workflow(a_statement("deployment", [a_subject("model")])))
    assert caught.value.message.endswith("that needs a rule in trust.yaml, and there is none")


def test_who_takes_the_time_stamp_off_robs_a_statement_of_nothing(tmp_path: Path) -> None:
    """A bare copy that comes first must not make what is proved to be older count as new, or not at all."""
    bare = a_bundle(training())
    stamped, later = by_managed_key(bare, stamp=NOW), by_managed_key(bare, stamp=ARRIVED + MINUTE)
    until = OWNER.replace("root: acme", f"root: acme, valid: {{until: {AFTER}}}")
    house = house_of(tmp_path, until)
    assert codes(lineage_of(house, bare)) == ["trust.signer_expired"]
    house.clock.move(hours=1)
    for copies in ((later,), (stamped,), (by_managed_key(bare, logged=NOW - MINUTE),)):
        lineage = lineage_of(house, *copies)
        told = [admitted.arrived.since for admitted in lineage.statements.values()]
        if copies == (later,):
            assert (told, codes(lineage)) == ([], ["evidence.copy", "trust.signer_expired"])
        else:
            assert told == [NOW if copies == (stamped,) else NOW - MINUTE]
            assert set(codes(lineage)) == {"evidence.copy"}


def test_a_stamp_that_is_put_on_later_makes_nothing_newer(tmp_path: Path) -> None:
    bare = a_bundle(training())
    house = house_of(tmp_path, OWNER)
    lineage_of(house, bare)
    house.clock.move(hours=1)
    (admitted,) = lineage_of(house, by_managed_key(bare, stamp=ARRIVED + MINUTE)).statements.values()
    assert (admitted.digest, admitted.arrived.since) == (Digest.of(bare), ARRIVED)
