"""@sigstore/verify: one process of Node for all questions."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from placet_attestations.digests import Digest
from tests.opinions.binaries import NPM_PACKAGE, Node
from tests.opinions.questions import Answer, Key, Question

_SECONDS = 300


def npm(node: Node, installed: Path, questions: Sequence[Question]) -> list[Answer]:
    """What the packages in `installed` say.

    They hold no statement against a file: that is left to their callers.
    """
    asked = [question for question in questions if not isinstance(question.artifact, Digest)]
    lines = "".join(f"{json.dumps(_line(question))}\n" for question in asked)
    done = subprocess.run(
        [node.program, NPM_PACKAGE / "opinion.mjs", installed],
        input=lines,
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(asked), done.stderr
    answers = iter(said)
    return [
        Answer("cannot", "it wants the file itself, and not its digest")
        if isinstance(question.artifact, Digest)
        else _answer(next(answers))
        for question in questions
    ]


def _answer(said: Mapping[str, Any]) -> Answer:
    return Answer("accepts") if said["accepts"] else Answer("refuses", str(said["reason"]))


def _line(question: Question) -> dict[str, str | bool | None]:
    signer, artifact = question.signer, question.artifact
    by_key = isinstance(signer, Key)
    return {
        "bundle": b64encode(question.bundle).decode(),
        "root": None if question.root is None else b64encode(question.root).decode(),
        "artifact": b64encode(artifact).decode() if isinstance(artifact, bytes) else None,
        "key": signer.pem.decode() if isinstance(signer, Key) else None,
        "identity": None if isinstance(signer, Key) else signer.identity,
        "issuer": None if isinstance(signer, Key) else signer.issuer or None,
        "logged": question.logged and not (by_key and question.root is None),
    }
