"""`placet verify --artifact FILE` and `--model DIR`: what was signed, held against what lies here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from placet_api.verifying import Row, evidence_of, refused_row, verify_one
from placet_api.wiring import House
from placet_attestations.admission import signer_problem
from placet_attestations.digests import Digest, hash_file
from placet_attestations.errors import AttestationError
from placet_attestations.file_signature import FileSignature, signs_file, verify_file_signature
from placet_attestations.oms import GIT_PATHS, ModelDifferences, SignedModel, check_model, read_model
from placet_attestations.verify import VerifiedStatement

FILE: str = "file"
"""The type of a row about a signature over a file."""

_TOLD = {
    "missing": "it was signed, and is not here",
    "extra": "it is here, and was not signed",
    "changed": "it is not what was signed",
    "ignored": "left out of the signature: nobody vouches for it",
}


def verify_with_artifact(house: House, found: Sequence[tuple[str, bytes]], artifact: Path) -> list[Row]:
    """Each signed thing, and whether it is about this file: a signature over it, or a statement with it as subject.

    Raises `IdentityError` for a file that cannot be read.
    """
    digest = hash_file(artifact)[0]
    return [_with_artifact(house, where, raw, digest) for where, raw in found]


def verify_with_model(
    house: House, found: Sequence[tuple[str, bytes]], signature: Path, folder: Path
) -> list[Row]:
    """Each model signature, and every difference between what it lists and the folder.

    The file `signature` is left out of the folder where it lies in it. A signature counts when its signer may sign
    at the time that is proved: it says nothing that a rule of trust.yaml could be about. Raises `IdentityError`.
    """
    rows: list[Row] = []
    for where, raw in found:
        row, verified = verify_one(house, where, raw)
        if verified is None:
            rows.append(row)
            continue
        try:
            model = read_model(verified.statement)
        except AttestationError as error:
            rows.append(replace(row, counts=False, words=str(error), code=error.code, hint=error.hint))
            continue
        # Signatures before model-signing 1.0.2 do not say what was left out.
        itself = _inside(signature, folder)
        ignore = (*itself, *(() if model.ignored else GIT_PATHS))
        differences = check_model(folder, model, ignore=ignore, limits=house.limits)
        differences = replace(
            differences, ignored=tuple(path for path in differences.ignored if path not in itself)
        )
        rows += [_signed(house, row, verified, model, differences), *_told(verified.digest, differences)]
    return rows


def _with_artifact(house: House, where: str, raw: bytes, digest: Digest) -> Row:
    try:
        if signs_file(raw, house.limits):
            return _file_row(house, verify_file_signature(raw, digest, house.trust, house.limits))
    except AttestationError as error:
        return refused_row(where, error)
    row, verified = verify_one(house, where, raw)
    if verified is None or digest in {subject.digest for subject in verified.statement.subjects}:
        return row
    return replace(
        row, counts=False, words=f"{digest} is no subject of the statement", code="artifact.mismatch"
    )


def _file_row(house: House, found: FileSignature) -> Row:
    now = house.clock()
    problem = _problem(house, found)
    revoked = house.trust.artifact_revoked(found.artifact)
    if problem is None and revoked is not None and revoked.covers(now):
        problem = "lineage.not_revoked", f"the file is revoked: {revoked.reason or 'no reason given'}"
    code, words = problem or (None, f"signs {found.artifact}, and makes no statement about it")
    told = evidence_of(found, now)
    return Row(found.digest, FILE, counts=problem is None, words=words, code=code, **told)


def _signed(
    house: House,
    row: Row,
    verified: VerifiedStatement,
    model: SignedModel,
    differences: ModelDifferences,
) -> Row:
    problem = _problem(house, verified)
    if problem is not None:
        return replace(row, counts=False, code=problem[0], words=problem[1])
    signed = f"signs {len(model.files):,} file{'s' if len(model.files) != 1 else ''}"
    if differences.none:
        return replace(row, counts=True, code=None, words=f"{signed}: exactly what lies here")
    numbers = ", ".join(
        f"{len(paths):,} {what}"
        for what in ("missing", "extra", "changed")
        if (paths := getattr(differences, what))
    )
    return replace(
        row, counts=False, code="model.differs", words=f"{signed}; what lies here differs: {numbers}"
    )


def _told(digest: Digest, differences: ModelDifferences) -> Iterator[Row]:
    for what, words in _TOLD.items():
        for path in getattr(differences, what):
            ignored = what == "ignored"
            yield Row(digest, what, path, ignored, words, None if ignored else f"model.{what}", holds=True)


def _problem(house: House, found: VerifiedStatement | FileSignature) -> tuple[str, str] | None:
    at = found.existed(house.clock())
    return signer_problem(found.signer, house.trust, at, found.window)


def _inside(signature: Path, folder: Path) -> tuple[str, ...]:
    try:
        return (signature.resolve().relative_to(folder.resolve()).as_posix(),)
    except ValueError:
        return ()
