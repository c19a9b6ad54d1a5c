"""`placet verify` and `placet add` with files that others made: who signed, when, and what it is about."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from placet_api.verifying import Row
from placet_attestations.bundle import make_bundle
from placet_attestations.keys import load_private
from placet_attestations.oms import PREDICATE_TYPE
from placet_attestations.predicate_types import PREDICATE_TYPES
from placet_attestations.signing import sign_payload, sign_statement
from placet_attestations.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from tests.api.projects import TRUST, a_file, call, done, row_count
from tests.attestations.test_oms import resources, root_of, serialization
from tests.builders import a_key, a_predicate, a_statement
from tests.vectors import vectors_dir

PEP740 = Path(__file__).parents[1] / "data" / "pep740"
CIRCLECI = PEP740 / "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl.provenance"
SLSA = PEP740 / "pypi_attestations-0.0.19.tar.gz.slsa.attestation"

ACTIONS = "https://token.actions.githubusercontent.com"
GITHUB = "https://github.com/login/oauth"
RUNNER = "https://github.com/actions/runner/github-hosted"
CONDA = "https://schemas.conda.org/attestations-publish-1.schema.json"
PYPI = "https://docs.pypi.org/attestations/publish/v1"
BITS = "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19"
PREFIX = "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main"
NPM = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"
CIRCLE = (
    "https://circleci.com/api/v2/projects/fdd9283f-e619-46af-8f9c-851f7d3e8b2b"
    "/pipeline-definitions/8e4f8ab2-8d7c-4827-9f15-de076d6d647f"
)
BLOB = "sha256:e194b99df6639501325c5f44da79fe3a8efae6f239bd79443a19787e06fb1764"
IBM = ("https://sigstore.verify.ibm.com/oauth2", "stefanb@us.ibm.com")
PUBLISHERS = {
    "npm": (ACTIONS, NPM, "public-good"),
    "conda": (ACTIONS, PREFIX, "public-good"),
    "conda-staging": (GITHUB, "jku@goto.fi", "staging"),
    "blob": (GITHUB, "w.vollprecht@gmail.com", "public-good"),
    "circleci": ("https://oidc.circleci.com", CIRCLE, "public-good"),
    "bits": (ACTIONS, BITS, "public-good"),
    "ibm": (*IBM, "public-good"),
    "github": ("^.*$", "https://dotcom.releases.github.com", "github"),
}


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Found before the environment of a test loses PLACET_VECTORS."""
    return vectors_dir()


def publishers(folder: Path, vectors: Path, revoked: str = "") -> None:
    """Lets the publishers of the vectors say what they said."""
    entries = []
    for name, (issuer, identity, root) in PUBLISHERS.items():
        key = "issuer_pattern" if issuer.startswith("^") else "issuer"
        entries.append(
            f"  - {{id: {name}, principal: {name}, {key}: '{issuer}', identity: '{identity}', root: {root},\n"
            f"     roles: [publisher], builders: ['{RUNNER}', '{BITS}']}}\n"
        )
    rule = f"  - {{roles: [publisher], types: [provenance, '{CONDA}', '{PYPI}'], kinds: [model, dataset]}}\n"
    text = TRUST.replace("rules:\n", "".join(entries) + "rules:\n" + rule)
    text = text.replace("revoked: []", f"revoked:\n{revoked}") if revoked else text
    a_file(folder, "trust.yaml", text + "roots:\n  - {id: github, file: github.json, without_log: true}\n")
    shutil.copy(vectors / "bundles" / "github_trusted_root.json", folder / "github.json")


def row_of(*arguments: str) -> dict[str, Any]:
    (row,) = call("verify", *arguments, "--json").json
    assert isinstance(row, dict)
    return row


def signed(project: Path, statement: Mapping[str, Any], by: str = "dev") -> bytes:
    return _bundle(project, json.dumps({"_type": STATEMENT_TYPE, **statement}).encode(), by)


def _bundle(project: Path, payload: bytes, by: str) -> bytes:
    key = load_private(project / ".placet" / "keys" / f"{by}.key")
    return make_bundle(sign_payload(PAYLOAD_TYPE, payload, key), key.public_key)


# Other people's files


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("file", "signer", "kind", "source", "time", "signs"),
    [
        ("conda-attestation.sigstore.json", "conda", CONDA, "log", "2025-09-01T12:13:59Z", True),
        ("conda-attestation-rekor2.sigstore.json", "conda-staging", CONDA, "timestamp",
         "2026-05-26T07:42:21Z", True),
        ("sigstore.js@2.0.0-provenance.sigstore.json", "npm", "provenance", "log",
         "2023-08-18T16:05:35Z", False),
        (str(CIRCLECI), "circleci", PYPI, "log", "2026-02-05T22:59:42Z", True),
        (str(SLSA), "bits", "provenance", "log", "2024-12-04T23:13:46Z", True),
    ],
)  # fmt: skip
def test_statements_of_others_say_who_and_since_when(
    project: Path, vectors: Path, file: str, signer: str, kind: str, source: str, time: str, signs: bool
) -> None:
    publishers(project, vectors)
    issuer, identity, root = PUBLISHERS[signer]
    row = row_of(str(vectors / "bundles" / file))
    assert (row["type"], row["who"], row["holds"], row["counts"]) == (
        kind,
        f"{signer} ({signer})",
        True,
        signs,
    )
    assert (row["certificate"]["issuer"], row["certificate"]["identity"]) == (issuer, identity)
    assert (row["root"], row["proved"]) == (root, {"by": source, "time": time})
    assert {"by": source, "time": time} in row["times"]
    ran = call("verify", str(vectors / "bundles" / file))
    assert ran.code == (0 if signs else 1)
    words = {"log": "the log", "timestamp": "a time stamp"}[source]
    assert f"    {identity} of {issuer}\n    time: {time}, by {words}, under the root {root}\n" in ran.out


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("since", "counts"), [("2025-09-01T12:13:59Z", False), ("2025-09-01T12:14:00Z", True)]
)
def test_a_proved_time_decides_what_a_revocation_leaves(
    project: Path, vectors: Path, since: str, counts: bool
) -> None:
    publishers(project, vectors, f"  - {{signer: conda, from: {since}}}\n")
    row = row_of(str(vectors / "bundles" / "conda-attestation.sigstore.json"))
    assert (row["counts"], row["code"]) == (counts, None if counts else "trust.signer_revoked")


@pytest.mark.conformance
def test_claims_of_a_workflow_are_told(project: Path, vectors: Path) -> None:
    publishers(project, vectors)
    claims = row_of(str(SLSA))["certificate"]["claims"]
    assert claims["sourceRepositoryURI"] == "https://github.com/trailofbits/pypi-attestations"


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "code"),
    [
        # Nobody here is its signer; and the root beside it lists no authority of certificates.
        ("github-private-attestation.sigstore.json", "signature.unknown_identity"),
        ("bundle_no_cert_v1.txt.sigstore", "bundle.certificate"),
        ("bundle_no_checkpoint.txt.sigstore", "bundle.proof"),
        ("bundle_cve_2022_36056.txt.sigstore", "bundle.message"),
        ("cosign-v3-blob.sigstore.json", "bundle.message"),
    ],
)
def test_what_does_not_verify_says_so(project: Path, vectors: Path, name: str, code: str) -> None:
    publishers(project, vectors)
    row = row_of(str(vectors / "bundles" / name))
    assert (row["code"], row["counts"], row["holds"]) == (code, False, False)
    assert row["hint"]
    assert ("--artifact FILE" in row["hint"]) == (code == "bundle.message")
    ran = call("verify", str(vectors / "bundles" / name))
    assert ran.code == 1
    assert f"    {row['hint']}\n" in ran.out


# Signatures over files


@pytest.mark.conformance
def test_a_signature_over_a_file(project: Path, vectors: Path) -> None:
    publishers(project, vectors)
    bundle, file = (
        str(vectors / "bundles" / "cosign-v3-blob.sigstore.json"),
        str(vectors / "bundles" / "cosign-v3-blob.txt"),
    )
    row = row_of(bundle, "--artifact", file)
    assert (row["type"], row["who"], row["counts"]) == ("file", "blob (blob)", True)
    assert (row["proved"], row["root"]) == (
        {"by": "timestamp", "time": "2025-12-03T18:36:42Z"},
        "public-good",
    )
    assert call("verify", bundle, "--artifact", file).code == 0
    row = row_of(bundle, "--artifact", "raw.csv")
    assert (row["code"], row["counts"], row["holds"]) == ("artifact.mismatch", False, False)
    assert call("verify", bundle, "--artifact", "nowhere").code == 2


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("revoked", "code"),
    [
        ("  - {signer: blob, from: always}\n", "trust.signer_revoked"),
        ("  - {signer: blob, from: 2025-12-01T00:00:00Z}\n", "trust.signer_revoked"),
        ("  - {signer: blob, from: 2025-12-04T00:00:00Z}\n", None),
        (f"  - {{artifact: '{BLOB}', from: always}}\n", "lineage.not_revoked"),
        (f"  - {{artifact: '{BLOB}', from: 2999-01-01T00:00:00Z}}\n", None),
    ],
)  # fmt: skip
def test_what_is_revoked_does_not_count(project: Path, vectors: Path, revoked: str, code: str | None) -> None:
    publishers(project, vectors, revoked)
    row = row_of(
        str(vectors / "bundles" / "cosign-v3-blob.sigstore.json"),
        "--artifact",
        str(vectors / "bundles" / "cosign-v3-blob.txt"),
    )
    assert (row["counts"], row["code"], row["holds"]) == (code is None, code, True)


def test_a_statement_must_have_the_artifact_as_its_subject(project: Path) -> None:
    digest = done("digest", "raw.csv").out.split()[0].removeprefix("sha256:")
    statement = {
        "predicateType": PREDICATE_TYPES["dataset"],
        "subject": [{"digest": {"sha256": digest}}],
        "predicate": dict(a_predicate("dataset")),
    }
    (project / "x.sigstore.json").write_bytes(signed(project, statement, "data-owner"))
    assert row_of("x.sigstore.json", "--artifact", "raw.csv")["counts"]
    row = row_of("x.sigstore.json", "--artifact", "train.csv")
    assert (row["counts"], row["code"], row["holds"]) == (False, "artifact.mismatch", True)
    (project / "y.sigstore.json").write_bytes(sign_statement(a_statement(), a_key("stranger")))
    assert row_of("y.sigstore.json", "--artifact", "raw.csv")["code"] == "signature.unknown_key"
    (project / "z.sigstore.json").write_bytes(b"{}")
    assert row_of("z.sigstore.json", "--artifact", "raw.csv")["code"] == "bundle.shape"


def test_what_is_held_against_a_signature_needs_one(project: Path) -> None:
    for option in ("--artifact", "--model"):
        ran = call("verify", "raw.csv", option, "raw.csv")
        assert (ran.code, "verify.bundle" in ran.err) == (2, True)
    ran = call("verify", "raw.csv", "--artifact", "raw.csv", "--model", ".")
    assert (ran.code, "verify.options" in ran.err) == (2, True)


# Signatures over models


def model_sig(project: Path, files: Mapping[str, bytes], by: str = "dev", **changes: Any) -> bytes:
    listed = resources(dict(files))
    return signed(
        project,
        {
            "subject": [{"name": "model", "digest": {"sha256": root_of(listed).hex}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {"serialization": serialization(**changes), "resources": listed},
        },
        by,
    )


@pytest.fixture
def model(project: Path) -> Path:
    folder = project / "model"
    folder.mkdir()
    for name in ("a.bin", "b.bin", "c.bin"):
        (folder / name).write_bytes(name.encode())
    files = {name: name.encode() for name in ("a.bin", "b.bin", "c.bin")}
    (folder / "model.sig").write_bytes(model_sig(project, files))
    return folder


def test_a_model_as_it_was_signed(model: Path) -> None:
    ran = call("verify", "model/model.sig", "--model", "model")
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    assert "signs 3 files: exactly what lies here" in ran.out
    # What git keeps there is left out, where the signature does not say what was, and said.
    (model / ".gitignore").write_text("x")
    rows = call("verify", "model/model.sig", "--model", "model", "--json").json
    assert [(row["type"], row["who"], row["counts"]) for row in rows[1:]] == [("ignored", ".gitignore", True)]
    shutil.copy(model / "model.sig", "elsewhere.sigstore.json")
    assert call("verify", "elsewhere.sigstore.json", "--model", "model").code == 1
    (model / "model.sig").unlink()
    assert call("verify", "elsewhere.sigstore.json", "--model", "model").code == 0


def test_each_difference_of_a_model_is_said(project: Path, model: Path) -> None:
    (model / "a.bin").write_bytes(b"changed")
    (model / "b.bin").unlink()
    (model / "sub").mkdir()
    (model / "sub" / "new.bin").write_bytes(b"x")
    ran = call("verify", "model/model.sig", "--model", "model")
    assert ran.code == 1
    assert "1 missing, 1 extra, 1 changed" in ran.out
    rows = call("verify", "model/model.sig", "--model", "model", "--json").json
    assert [(row["code"], row["who"], row["counts"]) for row in rows] == [
        ("model.differs", "dev (dev@example.org)", False),
        ("model.missing", "b.bin", False),
        ("model.extra", "sub/new.bin", False),
        ("model.changed", "a.bin", False),
    ]
    # A list of what was ignored is the signature's own: git's files are then not left out besides.
    ignoring = model_sig(project, {"c.bin": b"c.bin"}, ignore_paths=["a.bin", "sub"])
    (model / "model.sig").write_bytes(ignoring)
    (model / ".gitignore").write_text("x")
    rows = call("verify", "model/model.sig", "--model", "model", "--json").json
    assert [(row["type"], row["who"]) for row in rows[1:]] == [
        ("extra", ".gitignore"), ("ignored", "a.bin"), ("ignored", "sub"),
    ]  # fmt: skip


def test_a_model_of_nobody_does_not_count(project: Path, model: Path) -> None:
    a_file(project, "trust.yaml", TRUST.replace("revoked: []", "revoked:\n  - {signer: dev, from: always}"))
    rows = call("verify", "model/model.sig", "--model", "model", "--json").json
    assert [(row["code"], row["counts"]) for row in rows] == [("trust.signer_revoked", False)]
    a_file(project, "trust.yaml", TRUST)
    (model / "model.sig").write_bytes(sign_statement(a_statement(), a_key("stranger")))
    assert row_of("model/model.sig", "--model", "model")["code"] == "signature.unknown_key"
    own = sign_statement(a_statement(), load_private(project / ".placet" / "keys" / "data-owner.key"))
    (model / "model.sig").write_bytes(own)
    row = row_of("model/model.sig", "--model", "model")
    assert (row["code"], row["counts"], row["holds"]) == ("oms.predicate_type", False, True)
    (model / "model.sig").write_bytes(model_sig(project, {"a.bin": b"a.bin"}))
    assert call("verify", "model/model.sig", "--model", "nowhere").code == 2


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("version", "ignored", "code"),
    [
        ("v1.0.0-sigstore", (), None),
        ("v1.0.1-sigstore", ("ignore-me",), None),
        ("v1.0.1-sigstore", (), "model.differs"),
        # Its leaf is an authority's certificate without names: nobody whom trust.yaml could name.
        ("v1.0.0-certificate", (), "certificate.profile"),
        ("v1.0.1-certificate", (), "certificate.profile"),
    ],
)
def test_models_of_model_signing(
    project: Path, vectors: Path, version: str, ignored: tuple[str, ...], code: str | None
) -> None:
    publishers(project, vectors)
    shutil.copytree(vectors / "oms" / "historic" / version, "historic")
    for name in ignored:
        (project / "historic" / name).unlink()
    rows = call("verify", "historic/model.sig", "--model", "historic", "--json").json
    assert rows[0]["code"] == code
    assert rows[0]["counts"] == (code is None)


# Several at once, and what counts for nothing


def test_every_signer_of_an_envelope_speaks_for_himself(project: Path) -> None:
    statement = a_statement("dataset")
    keys = (load_private(project / ".placet" / "keys" / "data-owner.key"), a_key("stranger"))
    envelopes = [json.loads(sign_statement(statement, key))["dsseEnvelope"] for key in keys]
    envelope = {**envelopes[0], "signatures": [found["signatures"][0] for found in envelopes]}
    (project / "both.json").write_text(json.dumps(envelope))
    assert [(row["counts"], row["code"]) for row in call("verify", "both.json", "--json").json] == [
        (True, None), (False, "signature.unknown_key"),
    ]  # fmt: skip
    before = row_count(project, "evidence")
    ran = call("add", "both.json")
    assert ran.code == 1
    assert "added both.json#1: dataset by data-owner" in ran.err
    assert "refused both.json#2: signature.unknown_key" in ran.err
    assert row_count(project, "evidence") == before + 1


@pytest.mark.conformance
def test_pypis_files_are_taken_in(project: Path, vectors: Path) -> None:
    publishers(project, vectors)
    before = row_count(project, "evidence")
    ran = call("add", str(CIRCLECI), str(SLSA))
    assert (ran.code, ran.err.count("added ")) == (0, 2), ran
    assert row_count(project, "evidence") == before + 2


def without_sha256(project: Path, *subjects: Mapping[str, Any]) -> bytes:
    listed = [{"name": "pkg:npm/x@1", "digest": {"sha512": "ab" * 64}}, *subjects]
    return signed(
        project,
        {
            "subject": listed,
            "predicateType": PREDICATE_TYPES["dataset"],
            "predicate": dict(a_predicate("dataset")),
        },
        "data-owner",
    )


def test_a_statement_about_nothing_that_is_known_here_is_shown_and_not_kept(project: Path) -> None:
    (project / "x.sigstore.json").write_bytes(without_sha256(project))
    before = row_count(project, "evidence")
    ran = call("add", "x.sigstore.json")
    assert (ran.code, "statement.no_sha256" in ran.err) == (2, True)
    assert row_count(project, "evidence") == before
    row = row_of("x.sigstore.json")
    assert (row["counts"], row["holds"], row["code"]) == (False, True, "statement.no_sha256")
    assert row["others"] == [{"name": "pkg:npm/x@1", "digests": {"sha512": "ab" * 64}}]
    ran = call("verify", "x.sigstore.json")
    assert (ran.code, f"sha512:{'ab' * 64} (pkg:npm/x@1)" in ran.out) == (1, True)


def test_subjects_beside_others_count_and_the_others_are_named(project: Path) -> None:
    named = [{"name": f"{number}", "digest": {"sha512": "cd"}} for number in range(25)]
    known = {"digest": {"sha256": "ab" * 32}}
    (project / "x.sigstore.json").write_bytes(
        without_sha256(project, known, {"digest": {"sha1": "00"}}, *named)
    )
    ran = done("verify", "x.sigstore.json")
    assert "counts; tied to nothing, for want of a sha256: sha512:" in ran.out
    assert "(pkg:npm/x@1), sha1:00, sha512:cd (0)" in ran.out
    assert " and 7 more" in ran.out


# Rows that travelled


def test_rows_travel() -> None:
    row = Row("s", "t", "w", True, "words", holds=True, certificate={"issuer": "", "identity": "i", "claims": {}},
              proved={"by": "other", "time": "T"})  # fmt: skip
    assert Row.read(row.as_json()) == row
    assert row.details == ("i", "time: T, by other")
    assert Row.read(
        {"statement": "s", "type": "t", "who": "w", "counts": True, "words": "x", "new": 1}
    ) == Row("s", "t", "w", True, "x")


@pytest.mark.parametrize(
    "changes",
    [{"statement": 1}, {"words": None}, {"counts": 1}, {"code": 1}, {"hint": []}, {"root": 1}, {"holds": None},
     {"certificate": []}, {"certificate": {"issuer": "x"}}, {"proved": {"by": 1, "time": "T"}}, {"times": None},
     {"others": {}}],
)  # fmt: skip
def test_rows_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    assert Row.read(Row("s", "t", "w", True, "x").as_json() | changes) is None
    assert Row.read({}) is None
