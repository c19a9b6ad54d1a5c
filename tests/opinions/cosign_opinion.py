"""cosign: one process a question, as its command line is used by a person who has the files and no network."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from placet_attestations.digests import Digest
from tests.opinions.questions import Answer, Key, Question

_SECONDS = 60
_AT_ONCE = 2
# Whatever it may try to fetch goes to a port where nobody listens: `discard`.
_NOWHERE = "http://127.0.0.1:9"


def cosign(program: Path, scratch: Path, questions: Sequence[Question]) -> list[Answer]:
    """What the program says; its last line on standard error is the reason."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        folders = [scratch / str(number) for number in range(len(questions))]
        return list(pool.map(lambda item: _answer(program, *item), zip(folders, questions, strict=True)))


def _answer(program: Path, folder: Path, question: Question) -> Answer:
    folder.mkdir(parents=True)
    words = _words(question, folder)
    if isinstance(words, Answer):
        return words
    environment = {
        "HOME": str(folder),
        "TUF_ROOT": str(folder / "tuf"),
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
    }
    done = subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if done.returncode == 0:
        return Answer("accepts")
    said = [line for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in said if line.startswith("Error: ")), said[-1] if said else "")
    return Answer("refuses", reason.removeprefix("Error: ").replace(str(folder), "…"))


def _words(question: Question, folder: Path) -> list[str] | Answer:
    bundle = _file(folder / "bundle.json", question.bundle)
    words = ["--bundle", bundle, *_signer(question, folder), *_root(question, folder)]
    if question.artifact is not None:
        return ["verify-blob", *words, _artifact(question.artifact, folder)]
    kind = _predicate_type(question)
    if kind is None:
        return Answer(
            "cannot", "without a file it verifies in-toto statements that name their predicate's type"
        )
    return ["verify-blob-attestation", "--check-claims=false", "--type", kind, *words]


def _signer(question: Question, folder: Path) -> list[str]:
    signer = question.signer
    if isinstance(signer, Key):
        return ["--key", _file(folder / "key.pub", signer.pem)]
    who = ["--certificate-identity", signer.identity]
    # It takes no empty issuer; the pattern is its way to say so.
    return [*who, *(["--certificate-oidc-issuer", signer.issuer] if signer.issuer else _ANY_ISSUER)]


_ANY_ISSUER = ["--certificate-oidc-issuer-regexp", ".*"]


def _root(question: Question, folder: Path) -> list[str]:
    """As its own client for sigstore-conformance: time stamps are asked for where there are some."""
    if question.root is None:
        return ["--insecure-ignore-tlog"]
    words = ["--trusted-root", _file(folder / "root.json", question.root)]
    if not question.logged:
        words.append("--insecure-ignore-tlog")
        if not json.loads(question.root).get("ctlogs"):
            words.append("--insecure-ignore-sct")
    if _has_timestamps(question):
        words.append("--use-signed-timestamps")
    return words


def _has_timestamps(question: Question) -> bool:
    material = (question.content or {}).get("verificationMaterial")
    data = material.get("timestampVerificationData") if isinstance(material, Mapping) else None
    return isinstance(data, Mapping) and bool(data.get("rfc3161Timestamps"))


def _predicate_type(question: Question) -> str | None:
    envelope = (question.content or {}).get("dsseEnvelope")
    try:
        kind = json.loads(b64decode(envelope["payload"]))["predicateType"]  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    return kind if isinstance(kind, str) else None


def _artifact(artifact: bytes | Digest, folder: Path) -> str:
    return _file(folder / "artifact", artifact) if isinstance(artifact, bytes) else str(artifact)


def _file(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)
