"""The `roots:` and the signers by certificate in trust.yaml: every form, and every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, VerificationError
from placet_attestations.predicate_schemas import load_schema
from placet_attestations.roots.loading import LoadedRoot, Pki, RootFile, RootSource, Shipped, Tuf
from placet_attestations.trust import PUBLIC_GOOD, TrustPolicy, load_trust
from placet_attestations.trust_file import parse_trust
from placet_attestations.x509._x509 import CLAIM_NAMES
from tests.builders import a_key
from tests.certified import ROOTS, WORKFLOW, a_realm, line_of

TEXT = """\
version: 1
roots:
  - {id: public-good, refresh: true}
  - {id: acme, file: roots/trusted_root.json, checked: 2026-11-01}
  - {id: github, file: roots/github.jsonl, without_log: true}
  - {id: acme-tuf, tuf: https://tuf.acme.example, bootstrap: roots/root.json, target: acme.json}
  - {id: pki, authority: pki/root.pem, timestamps: pki/tsa.pem, usage: any, checked: 2026-11-01}
signers:
  - id: ci
    principal: ci
    issuer: https://issuer.example
    identity: https://github.com/acme/churn/.github/workflows/train.yml@refs/heads/main
    claims:
      sourceRepositoryURI: https://github.com/acme/churn
      sourceRepositoryRef: {pattern: "^refs/tags/v.*$"}
    roles: [trainer]
  - {id: tags, principal: i, issuer_pattern: "^https://i.*$", identity_pattern: "^https://g.*$", root: acme, roles: [x]}
  - {id: trainer, principal: t, root: pki, identity: spiffe://acme.example/sa/trainer, roles: [trainer]}
  - {id: old, principal: o, key: keys/old.pub, root: acme, roles: [trainer]}
  - {id: plain, principal: p, key: keys/plain.pub, roles: [trainer]}
  - {id: staged, principal: s, issuer: https://i, identity: a@b.c, root: staging, roles: [trainer]}
  - {id: releases, principal: r, identity: https://releases.example, root: github, roles: [trainer]}
rules: []
"""


class Shelf:
    """Roots that are only called for; each is another."""

    def __init__(self) -> None:
        self.asked: dict[str, RootSource] = {}

    def __call__(self, name: str, source: RootSource) -> LoadedRoot:
        self.asked[name] = source
        return LoadedRoot(name, (), Digest.of(name.encode()), Digest.of(name.encode()), source=source)


def parse(text: str, shelf: Shelf | None = None) -> TrustPolicy:
    return parse_trust(text.encode(), lambda path, _: a_key(Path(path).stem).public_key, shelf or Shelf())


def error_of(text: str) -> AttestationError:
    with pytest.raises(AttestationError) as caught:
        parse(text)
    return caught.value


def test_every_form_of_a_root_is_read() -> None:
    shelf = Shelf()
    trust = parse(TEXT, shelf)
    acme, pki = shelf.asked["acme"], shelf.asked["pki"]
    assert isinstance(acme, RootFile)
    assert isinstance(pki, Pki)
    assert acme.checked is not None
    assert pki.checked == acme.checked
    assert shelf.asked == {
        PUBLIC_GOOD: Shipped(PUBLIC_GOOD, refresh=True),
        "acme": RootFile(Path("roots/trusted_root.json"), checked=acme.checked),
        "github": RootFile(Path("roots/github.jsonl"), without_log=True),
        "acme-tuf": Tuf("https://tuf.acme.example", Path("roots/root.json"), "acme.json"),
        "pki": Pki(Path("pki/root.pem"), Path("pki/tsa.pem"), "any", acme.checked),
        "staging": Shipped("staging"),
    }
    assert [root.id for root in trust.roots] == sorted(shelf.asked)
    assert trust.root("acme") is trust.roots[0 if trust.roots[0].id == "acme" else 1]
    assert trust.root("nobody") is None


def test_the_least_that_a_root_says() -> None:
    shelf = Shelf()
    parse(
        "version: 1\nrules: []\nsigners: []\nroots:\n"
        "  - {id: staging}\n  - {id: t, tuf: https://t, bootstrap: b.json}\n  - {id: p, authority: a.pem}\n",
        shelf,
    )
    assert shelf.asked == {
        "staging": Shipped("staging"),
        "t": Tuf("https://t", Path("b.json"), "trusted_root.json"),
        "p": Pki(Path("a.pem"), None, "code-signing"),
    }


def test_every_form_of_a_signer_is_read() -> None:
    trust = parse(TEXT)
    ci, tags, trainer, old, plain, staged, releases = trust.signers
    assert [signer.root for signer in trust.signers] == [
        PUBLIC_GOOD,
        "acme",
        "pki",
        "acme",
        None,
        "staging",
        "github",
    ]
    assert ci.certificate is not None
    assert (ci.certificate.exact, ci.certificate.identity.issuer.text) == (True, "https://issuer.example")
    assert [(name, match.is_pattern) for name, match in ci.certificate.claims] == [
        ("sourceRepositoryURI", False),
        ("sourceRepositoryRef", True),
    ]
    assert tags.certificate is not None
    assert not tags.certificate.exact
    assert trainer.certificate is not None
    assert trainer.certificate.identity.issuer.text == ""
    assert (old.certificate, plain.certificate, staged.key) == (None, None, None)
    assert (ci.where, trainer.where) == ("trust.yaml:9", "trust.yaml:18")
    # Of an instance without a log, whose certificates may name no issuer: then this one must name none.
    assert releases.certificate is not None
    assert releases.certificate.differs("https://issuer.example", "https://releases.example", {})
    assert not releases.certificate.differs("", "https://releases.example", {})
    assert len({signer.mark for signer in trust.signers}) == 7
    assert all(trust.signer_of(signer.mark) is signer for signer in trust.signers)


def test_roots_that_nobody_uses_and_nobody_lists_are_not_read() -> None:
    shelf = Shelf()
    trust = parse(
        "version: 1\nrules: []\nsigners:\n  - {id: a, principal: a, key: a.pub, roles: [x]}\n", shelf
    )
    assert (shelf.asked, trust.roots, trust.roots_pin) == ({}, (), "none")


CERTIFIED = (
    "  - {id: staged, principal: s, issuer: https://i, identity: a@b.c, root: staging, roles: [trainer]}"
)
STAGED, OLD = "issuer: https://i, identity", "{id: old, principal: o, key: keys/old.pub, root: acme"
MISTAKES: list[tuple[str, str, str, int, str]] = [
    ("{id: acme, file", "{id: Acme, file", "trust.value", 4, "'Acme' is not a root's id"),
    ("{id: acme, file", "{id: github, file", "trust.root_duplicate", 5, 'two roots have the id "github"'),
    ("file: roots/trusted_root.json", "path: roots/x.json", "trust.unknown_key", 4, 'unknown key "path"'),
    (
        "file: roots/trusted_root.json, checked: 2026-11-01",
        "",
        "trust.root",
        4,
        "needs one of file, tuf, authority",
    ),
    (
        "file: roots/trusted_root.json",
        "file: a, tuf: b",
        "trust.root",
        4,
        "needs one of file, tuf, authority",
    ),
    ("file: roots/trusted_root.json", "file: ''", "trust.type", 4, "file must be text"),
    (
        "checked: 2026-11-01}\n  - {id: github",
        "checked: soon}\n  - {id: github",
        "time.syntax",
        4,
        "'soon' is not",
    ),
    ("without_log: true", "without_log: yes", "trust.type", 5, "without_log must be true or false"),
    ("refresh: true", "refresh: 1", "trust.type", 3, "refresh must be true or false"),
    ("refresh: true", "without_log: true", "trust.root", 3, "without_log means nothing for this root"),
    ("without_log: true", "refresh: true", "trust.root", 5, "refresh means nothing for this root"),
    (", bootstrap: roots/root.json", "", "trust.missing_key", 6, "a tuf root has no bootstrap"),
    ("target: acme.json", "usage: any", "trust.root", 6, "usage means nothing for this root"),
    ("usage: any", "usage: anything", "trust.value", 7, "'anything' is no usage"),
    ("usage: any", "bootstrap: x", "trust.root", 7, "bootstrap means nothing for this root"),
    ("{id: public-good, refresh: true}", "5", "trust.type", 3, "a root must be a mapping"),
    (
        "    issuer: https://issuer.example\n",
        "",
        "trust.missing_key",
        9,
        "a signer by certificate has no issuer",
    ),
    (
        "https://issuer.example",
        "https://issuer.example\n    issuer_pattern: ^x$",
        "trust.signer",
        12,
        "given twice",
    ),
    (
        "sourceRepositoryURI:",
        "sourceRepositoryUri:",
        "trust.unknown_key",
        14,
        'did you mean "sourceRepositoryURI"?',
    ),
    ("{pattern: ", "{matches: ", "trust.unknown_key", 15, 'unknown key "matches"'),
    ('"^refs/tags/v.*$"', '"refs/tags/v.*"', "identity.unanchored", 15, "does not stand between ^ and $"),
    ("https://github.com/acme/churn\n      s", "[]\n      s", "trust.type", 14, "a claim must be text"),
    ('"^https://g.*$"', '"^https://g.*"', "identity.unanchored", 17, "does not stand between ^ and $"),
    ('"^https://i.*$"', '"https://i.*$"', "identity.unanchored", 17, "does not stand between ^ and $"),
    ('"^https://i.*$"', r'"^https://i\\$"', "identity.unanchored", 17, "does not stand between ^ and $"),
    ('"^https://g.*$"', '"^https://(g.*$"', "identity.pattern", 17, "is not a regular expression"),
    ("root: acme, roles: [x]", "root: acne, roles: [x]", "trust.root_unknown", 17, 'did you mean "acme"?'),
    (
        "root: pki, identity",
        "issuer: https://i, root: pki, identity",
        "trust.signer",
        18,
        "one's own is the issuer",
    ),
    (
        "root: pki, identity",
        "claims: {buildTrigger: push}, root: pki, identity",
        "trust.signer",
        18,
        "have claims",
    ),
    ("identity: spiffe:", "issuer: spiffe:", "trust.signer", 18, "is the issuer"),
    (
        OLD,
        OLD.replace("acme", "pki"),
        "trust.root",
        19,
        "pki vouches for certificates, and this signer has a key",
    ),
    (OLD, f"{OLD}, identity: x", "trust.signer", 19, "either a key or an identity"),
    (OLD, "{id: old, principal: o, root: acme", "trust.signer", 19, "either a key or an identity"),
    (STAGED, f"algorithm: ed25519, {STAGED}", "trust.signer", 21, "algorithm means nothing without key"),
    (STAGED, "issuer: https://i, claims: {}, principal2", "trust.unknown_key", 21, "principal2"),
    (
        "issuer: https://i, identity: a@b.c, ",
        "issuer: https://i, ",
        "trust.missing_key",
        21,
        "has no identity",
    ),
    (
        CERTIFIED,
        f"{CERTIFIED}\n{CERTIFIED.replace('staged', 'again')}",
        "trust.identity_duplicate",
        22,
        '"staged" and "again" are the same identity',
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "line", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_line(old: str, new: str, code: str, line: int, words: str) -> None:
    assert old in TEXT
    error = error_of(TEXT.replace(old, new, 1))
    assert (error.code, error.where) == (code, f"trust.yaml:{line}")
    assert words in error.message


def test_two_names_that_differ_in_anything_are_two_signers() -> None:
    for change in (
        ("root: staging", "root: acme"),
        ("https://i,", "https://j,"),
        ("a@b.c", "a@b.d"),
        ("identity: a@b.c", "identity_pattern: '^a@b.c$'"),
        ("root: staging", "claims: {buildTrigger: push}, root: staging"),
    ):
        other = CERTIFIED.replace("staged", "again").replace(*change)
        assert len(parse(TEXT.replace(CERTIFIED, f"{CERTIFIED}\n{other}")).signers) == 8


def test_the_order_of_claims_makes_no_second_signer() -> None:
    one = CERTIFIED.replace("root:", "claims: {buildTrigger: push, runnerEnvironment: x}, root:")
    two = one.replace("staged", "again").replace(
        "buildTrigger: push, runnerEnvironment: x", "runnerEnvironment: x, buildTrigger: push"
    )
    assert error_of(TEXT.replace(CERTIFIED, f"{one}\n{two}")).code == "trust.identity_duplicate"


def test_without_a_loader_there_are_no_roots() -> None:
    with pytest.raises(AttestationError) as caught:
        parse_trust(TEXT.encode(), lambda path, _: a_key(Path(path).stem).public_key)
    assert (caught.value.code, caught.value.where) == ("trust.root", "trust.yaml:4")


@pytest.mark.parametrize(
    ("file", "data", "code", "line"),
    [
        ("acme.json", None, "file.missing", 3),
        ("acme.json", b"{}", "root.", 3),
        ("acme.json", b"[", "json.syntax", 3),
        ("both.jsonl", b"\n", "root.count", 5),
        ("authority.pem", None, "file.missing", 6),
        ("authority.pem", b"nothing", "pki.certificates", 6),
        ("stampers.pem", b"nothing", "pki.certificates", 7),
    ],
)
def test_a_root_that_cannot_be_used_is_named_with_its_line(
    tmp_path: Path, file: str, data: bytes | None, code: str, line: int
) -> None:
    a_realm(tmp_path)
    if data is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(data)
    with pytest.raises(AttestationError) as caught:
        load_trust(tmp_path / "trust.yaml")
    assert caught.value.code.startswith(code)
    assert caught.value.where == f"trust.yaml:{line}"
    assert caught.value.message.startswith("the root ")
    assert file in line_of(tmp_path, caught.value.where)


def test_without_log_is_for_who_keeps_none(tmp_path: Path) -> None:
    with pytest.raises(AttestationError) as caught:
        a_realm(tmp_path, roots=ROOTS.replace("file: acme.json", "file: acme.json, without_log: true"))
    assert (caught.value.code, caught.value.where) == ("root.without_log", "trust.yaml:3")


def test_a_newer_root_changes_the_memory_and_not_the_digest(tmp_path: Path) -> None:
    before = a_realm(tmp_path)
    path = tmp_path / "acme.json"
    path.write_bytes(path.read_bytes() + b"\n")
    after = load_trust(tmp_path / "trust.yaml")
    assert (after.digest, after.memory == before.memory) == (before.digest, False)
    assert after.roots_pin != before.roots_pin  # a file is chosen: another is another choice


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(dict(load_schema("trust")))


def as_document(text: str) -> Any:
    """The YAML with times as text, as Placet reads it."""
    return json.loads(json.dumps(yaml.load(text, Loader=yaml.BaseLoader)))


def shown(text: str) -> Any:
    """What an editor checks: numbers and truths as such."""
    document = as_document(text)
    document["version"] = 1
    for root in (root for root in document["roots"] if isinstance(root, dict)):
        for key in root.keys() & {"refresh", "without_log"}:
            root[key] = {"true": True, "false": False}.get(root[key], root[key])
    return document


def test_the_schema_for_editors_takes_what_we_take() -> None:
    assert [error.message for error in validator().iter_errors(shown(TEXT))] == []
    assert validator().is_valid(shown(f"version: 1\n{ROOTS}signers:\n  - {WORKFLOW}\nrules: []"))


# What only the whole file can say: which ids there are, and what a root is that a signer names.
_BEYOND = {
    "trust.root_duplicate",
    "trust.root_unknown",
    "trust.identity_duplicate",
    "identity.pattern",
    "time.syntax",
}
_NEEDS_THE_ROOT = ("one's own is the issuer", "have claims", "vouches for certificates")


@pytest.mark.parametrize(("old", "new", "code", "line", "words"), MISTAKES)
def test_the_schema_for_editors_refuses_what_we_refuse(
    old: str, new: str, code: str, line: int, words: str
) -> None:
    beyond = code in _BEYOND or any(text in words for text in _NEEDS_THE_ROOT) or "\\\\$" in new
    assert validator().is_valid(shown(TEXT.replace(old, new, 1))) == beyond


def test_the_schema_knows_the_claims() -> None:
    properties: Any = load_schema("trust")["properties"]
    known = properties["signers"]["items"]["properties"]["claims"]["properties"]
    assert set(known) == CLAIM_NAMES


def test_a_root_that_stands_in_no_line_is_told_as_it_is() -> None:
    def load(name: str, _: RootSource) -> LoadedRoot:
        raise VerificationError("root.shipped", f"{name} is damaged", hint="install it again")

    text = f"version: 1\nrules: []\nsigners:\n{CERTIFIED}\n"
    with pytest.raises(VerificationError) as caught:
        parse_trust(text.encode(), lambda path, _: a_key(Path(path).stem).public_key, load)
    assert (caught.value.code, caught.value.where, caught.value.message) == (
        "root.shipped",
        None,
        "staging is damaged",
    )
