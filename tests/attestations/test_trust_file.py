from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet_attestations._algorithms import RSA_ALGORITHMS
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, IdentityError, KeyFileError
from placet_attestations.keys import ALGORITHMS, Algorithm, PublicKey
from placet_attestations.limits import Limits
from placet_attestations.predicate_schemas import load_schema
from placet_attestations.predicates import KINDS, VERIFICATION_SUMMARY
from placet_attestations.trust import Revocation, Rule, SignerRecord, TrustPolicy, load_trust
from placet_attestations.trust_file import parse_trust
from tests.builders import a_key, a_trust, a_trust_policy, trust_text

TEXT = """\
version: 1
signers:
  - {id: risk-officer, principal: risk@example.org, key: keys/risk.pub, roles: [approver], valid: {from: 2026-01-01}}
  - id: ci
    principal: ci
    key: keys/ci.pub
    roles: [builder, trainer]
    builders: [https://github.com/actions/runner]
    valid: {from: "2026-01-01T00:00:00+02:00", until: 2027-01-01T00:00:00Z}
rules:                                   # who may say what about which kind
  - {roles: [approver], types: [approval], kinds: [model, image], threshold: 2}
  - {roles: [trainer], types: [training], kinds: [model], may_name: ["churn-*"], may_alias: true}
  - {roles: [builder], types: ["https://example.org/scan/v1"], kinds: [image]}
revoked:
  - {signer: old-robot, from: 2026-09-01T00:00:00Z}
  - {artifact: "sha256:DIGEST", from: always, reason: "dataset retracted, ticket DATA-77"}
""".replace("DIGEST", "5" * 64)


def key_of(path: str, _: Algorithm | None = None) -> PublicKey:
    return a_key(Path(path).stem).public_key


def parse(text: str | bytes) -> TrustPolicy:
    return parse_trust(text.encode() if isinstance(text, str) else text, key_of)


def error_of(text: str | bytes) -> AttestationError:
    with pytest.raises(AttestationError) as caught:
        parse(text)
    return caught.value


def test_the_example_is_read_whole() -> None:
    trust = parse(TEXT)
    assert trust.signers == (
        SignerRecord(
            "risk-officer",
            "risk@example.org",
            key_of("risk"),
            frozenset({"approver"}),
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        SignerRecord(
            "ci",
            "ci",
            key_of("ci"),
            frozenset({"builder", "trainer"}),
            frozenset({"https://github.com/actions/runner"}),
            datetime(2025, 12, 31, 22, tzinfo=UTC),
            datetime(2027, 1, 1, tzinfo=UTC),
        ),
    )
    assert trust.rules == (
        Rule(frozenset({"approver"}), frozenset({"approval"}), frozenset({"model", "image"}), 2),
        Rule(
            frozenset({"trainer"}),
            frozenset({"training"}),
            frozenset({"model"}),
            may_name=("churn-*",),
            may_alias=True,
        ),
        Rule(frozenset({"builder"}), frozenset({"https://example.org/scan/v1"}), frozenset({"image"})),
    )
    assert trust.revoked == (
        Revocation("old-robot", None, datetime(2026, 9, 1, tzinfo=UTC)),
        Revocation(None, Digest.from_hex("5" * 64), None, "dataset retracted, ticket DATA-77"),
    )


OWN_URI = "https://placet.dev/attestation/approval/v1"
MISTAKES: list[tuple[str, str, str, int, str]] = [
    ("version: 1", "version: 2", "trust.version", 1, "version 2"),
    ("version: 1", "version: '1'", "trust.type", 1, "version must be a whole number"),
    ("version: 1\n", "", "trust.missing_key", 1, "trust.yaml has no version"),
    ("rules:  ", "rulez:  ", "trust.unknown_key", 10, 'unknown key "rulez"; did you mean "rules"?'),
    ("principal: ci", "principle: ci", "trust.unknown_key", 5, 'did you mean "principal"?'),
    ("    principal: ci\n", "", "trust.missing_key", 4, "a signer has no principal"),
    ("principal: ci", "principal:", "trust.type", 5, "principal must be text"),
    ("id: ci", "id: ci\n    id: ci2", "trust.duplicate_key", 5, "stands twice, first in line 4"),
    ("id: ci", "id: risk-officer", "trust.signer_duplicate", 4, 'two signers have the id "risk-officer"'),
    ("keys/ci.pub", "other/risk.pub", "trust.key_duplicate", 4, '"risk-officer" and "ci" have the same key'),
    (
        "principal: ci",
        "algorithm: rsa-psss-sha256\n    principal: ci",
        "trust.value",
        5,
        'did you mean "rsa-pss-sha256"?',
    ),
    ("principal: ci", "algorithm: [rsa]\n    principal: ci", "trust.type", 5, "algorithm must be text"),
    ("id: ci", "id: 'ci robot'", "trust.value", 4, "'ci robot' is not an id"),
    ("[builder, trainer]", "[]", "trust.type", 7, "roles must not be empty"),
    ("[builder, trainer]", "builder", "trust.type", 7, "roles must be a list"),
    ("[builder, trainer]", "[Builder]", "trust.value", 7, "'Builder' is not a role"),
    ("{from: 2026-01-01}", "{from: 2026-13-01}", "time.syntax", 3, "'2026-13-01' is not a time"),
    ("{from: 2026-01-01}", "{since: 2026-01-01}", "trust.unknown_key", 3, 'unknown key "since"'),
    ("until: 2027-01-01T00:00:00Z", "until: 2027-01-01T00:00:00", "time.syntax", 9, "is not a time"),
    ("until: 2027-01-01T00:00:00Z", "until: 2025-01-01", "trust.value", 9, "the signer is never valid"),
    ("types: [approval]", "types: [aproval]", "trust.type_unknown", 11, 'did you mean "approval"?'),
    ("types: [approval]", "types: []", "trust.type", 11, "types must not be empty"),
    ("types: [approval]", f"types: ['{OWN_URI}']", "trust.type_unknown", 11, "is written approval or waiver"),
    ("kinds: [model, image]", "kinds: [modle]", "trust.value", 11, 'did you mean "model"?'),
    ("threshold: 2", "threshold: 0", "trust.value", 11, "threshold must be at least 1"),
    ("threshold: 2", "threshold: two", "trust.type", 11, "threshold must be a whole number"),
    ("may_alias: true", "may_alias: yes", "trust.type", 12, "may_alias must be true or false"),
    ('["churn-*"]', "churn-*", "trust.type", 12, "may_name must be a list"),
    ("roles: [trainer], types", "roles: [trainer, gate], types", "trust.gate_role", 12, "nothing else"),
    ("signer: old-robot", "signer: risk-oficer", "trust.signer_unknown", 15, 'did you mean "risk-officer"?'),
    ("signer: old-robot, from", "from", "trust.value", 15, "names a signer or an artifact"),
    (
        "signer: old-robot,",
        f"signer: ci, artifact: 'sha256:{'5' * 64}',",
        "trust.value",
        15,
        "a signer or an artifact",
    ),
    ("from: 2026-09-01T00:00:00Z", "from: never", "time.syntax", 15, "'never' is not a time"),
    (", from: 2026-09-01T00:00:00Z", "", "trust.missing_key", 15, "a revocation has no from"),
    ("sha256:5", "sha256:", "digest.short", 16, "63 hex digits"),
    ("sha256:5", "sha1:5", "digest.algorithm", 16, "is not a sha256 digest"),
]


@pytest.mark.parametrize(("old", "new", "code", "line", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_line(old: str, new: str, code: str, line: int, words: str) -> None:
    assert old in TEXT
    error = error_of(TEXT.replace(old, new, 1))
    assert (error.code, error.where) == (code, f"trust.yaml:{line}")
    assert words in error.message


@pytest.mark.parametrize(
    "text",
    ["[]", "hello", "version: 1\nsigners: 5\nrules: []", "signers: [x]\nversion: 1\nrules: []"],
)
def test_other_shapes_are_refused(text: str) -> None:
    assert error_of(text).code == "trust.type"


def test_an_rsa_key_is_used_with_what_its_entry_says(tmp_path: Path) -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    path = tmp_path / "trust.yaml"
    (tmp_path / "ci.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    signer = "  - {id: ci, principal: ci, key: ci.pub, roles: [builder]ALGORITHM}\n"
    text = f"version: 1\nrules: []\nsigners:\n{signer}"
    for algorithm in RSA_ALGORITHMS:
        path.write_text(text.replace("ALGORITHM", f", algorithm: {algorithm}"))
        key = load_trust(path).signers[0].key
        assert key is not None
        assert key.algorithm == algorithm
    for words in ("", ", algorithm: ecdsa-p256"):
        path.write_text(text.replace("ALGORITHM", words))
        with pytest.raises(KeyFileError) as caught:
            load_trust(path)
        assert (caught.value.code, caught.value.where) == ("key.algorithm", "trust.yaml:4")
    # The same key with both schemes would be two signers, and could be two principals.
    both = [signer.replace("ALGORITHM", f", algorithm: {algorithm}") for algorithm in RSA_ALGORITHMS]
    path.write_text(f"version: 1\nrules: []\nsigners:\n{both[0]}{both[1].replace('ci,', 'robot,')}")
    with pytest.raises(AttestationError) as twice:
        load_trust(path)
    assert (twice.value.code, twice.value.where) == ("trust.key_duplicate", "trust.yaml:5")


def test_nobody_may_be_trusted() -> None:
    trust = parse("version: 1\nsigners: []\nrules: []\n")
    assert (trust.signers, trust.rules, trust.revoked) == ((), (), ())


def test_a_date_in_quotes_is_the_same_date() -> None:
    quoted = TEXT.replace("from: 2026-01-01}", "from: '2026-01-01'}")
    assert parse(quoted).signers[0] == parse(TEXT).signers[0]


def test_the_role_gate_signs_summaries() -> None:
    rule = {"roles": ["gate"], "types": [VERIFICATION_SUMMARY], "kinds": ["model"]}
    assert a_trust_policy(rules=[rule]).rules[0].types == {VERIFICATION_SUMMARY}


def test_keys_are_found_from_the_folder_of_the_file(tmp_path: Path) -> None:
    trust = a_trust(tmp_path / "project")
    assert trust == a_trust_policy()
    assert trust.signers[0].key == a_key("owner").public_key


def test_a_key_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    a_trust(tmp_path)
    path = tmp_path / "trust.yaml"
    path.write_text(TEXT)
    with pytest.raises(KeyFileError, match=r"keys/risk\.pub does not exist") as caught:
        load_trust(path)
    assert (caught.value.code, caught.value.where) == ("key.missing", "trust.yaml:3")
    (tmp_path / "keys" / "risk.pub").write_text("no key")
    with pytest.raises(KeyFileError) as caught:
        load_trust(path)
    assert (caught.value.code, caught.value.where) == ("key.malformed", "trust.yaml:3")


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(IdentityError) as caught:
        load_trust(tmp_path / "trust.yaml")
    assert caught.value.code == "file.missing"
    a_trust(tmp_path)
    with pytest.raises(AttestationError, match="larger than 10 bytes"):
        load_trust(tmp_path / "trust.yaml", Limits(max_trust_bytes=10))
    with pytest.raises(AttestationError) as large:
        parse_trust(TEXT.encode(), key_of, limits=Limits(max_trust_bytes=10))
    assert large.value.code == "trust.too_large"


def test_the_digest_pins_the_file(tmp_path: Path) -> None:
    trust = a_trust(tmp_path)
    path = tmp_path / "trust.yaml"
    assert load_trust(path).digest == trust.digest
    path.write_bytes(path.read_bytes() + b"# a remark\n")
    assert load_trust(path).digest != trust.digest


def test_the_digest_pins_every_key(tmp_path: Path) -> None:
    trust = a_trust(tmp_path)
    key = tmp_path / "keys" / "dev.pub"
    key.write_text("\n" + key.read_text())
    assert load_trust(tmp_path / "trust.yaml").digest == trust.digest  # the same key in another text
    key.write_text(a_key("somebody-else").public_key.pem)
    assert load_trust(tmp_path / "trust.yaml").digest != trust.digest


def test_the_digest_pins_which_key_is_whose() -> None:
    text = trust_text()
    swapped = {"owner": "ci", "ci": "owner"}
    one = parse_trust(text, key_of)
    two = parse_trust(text, lambda path, _: key_of(swapped.get(Path(path).stem, path)))
    assert one.digest != two.digest


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(dict(load_schema("trust")))


GOOD: dict[str, Any] = {
    "version": 1,
    "signers": [
        {
            "id": "ci",
            "principal": "ci",
            "key": "keys/ci.pub",
            "algorithm": "ecdsa-p256",
            "roles": ["builder"],
            "builders": ["https://example.org/b"],
            "valid": {"from": "2026-01-01", "until": "2027-01-01T00:00:00Z"},
        }
    ],
    "rules": [
        {
            "roles": ["builder"],
            "types": ["training"],
            "kinds": ["model"],
            "threshold": 1,
            "may_name": ["*"],
            "may_alias": True,
        }
    ],
    "revoked": [
        {"signer": "old", "from": "always"},
        {"artifact": "sha256:" + "5" * 64, "from": "2026-01-01"},
    ],
}


def test_the_schema_for_editors_takes_what_we_take() -> None:
    assert validator().is_valid(GOOD)
    parse(json.dumps(GOOD))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("version",), "1"),
        (("extra",), 1),
        (("signers", 0, "extra"), 1),
        (("signers", 0, "id"), "a b"),
        (("signers", 0, "id"), ...),
        (("signers", 0, "principal"), ""),
        (("signers", 0, "key"), ...),
        (("signers", 0, "algorithm"), "rsa"),
        (("signers", 0, "algorithm"), 1),
        (("signers", 0, "roles"), []),
        (("signers", 0, "roles"), ["A"]),
        (("signers", 0, "builders"), "x"),
        (("signers", 0, "valid"), {"since": "2026-01-01"}),
        (("signers",), {}),
        (("rules", 0, "types"), []),
        (("rules", 0, "kinds"), ["modle"]),
        (("rules", 0, "kinds"), ...),
        (("rules", 0, "threshold"), 0),
        (("rules", 0, "threshold"), "1"),
        (("rules", 0, "may_alias"), "yes"),
        (("rules", 0, "may_name"), "x"),
        (("rules",), ...),
        (("revoked", 0, "from"), ...),
        (("revoked", 0), {"from": "always"}),
        (("revoked", 1, "signer"), "x"),
        (("revoked", 1, "artifact"), "sha256:12"),
    ],
)
def test_the_schema_for_editors_refuses_what_we_refuse(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(json.dumps(GOOD))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert not validator().is_valid(document)
    error_of(json.dumps(document))


def test_the_schema_knows_the_algorithms() -> None:
    properties: Any = load_schema("trust")["properties"]
    assert set(properties["signers"]["items"]["properties"]["algorithm"]["enum"]) == set(ALGORITHMS)


def test_the_schema_knows_the_kinds() -> None:
    properties: Any = load_schema("trust")["properties"]
    assert set(properties["rules"]["items"]["properties"]["kinds"]["items"]["enum"]) == KINDS
