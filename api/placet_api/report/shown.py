"""What a report shows: a decision document, where it was logged, and how its subject was called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A failing status first, then what the reader should still know, then the good news.
FAILING = ("fail", "skipped")
MARKS = {"fail": "✗", "skipped": "✗", "warn": "!", "waived": "w", "not_applicable": "~", "pass": "✓"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One decision to show. `body` is the decision document, `label` the subject's name or what the user called it.

    `handle` is what a command takes for the subject, where that is shorter than its digest; `trouble` is what went
    wrong after the decision, when its receipt was to be kept. `summary` is the signed verification summary, a bundle's
    text, where one was asked for.
    """

    body: Mapping[str, Any]
    label: str
    entry: int | None = None
    receipt: str | None = None
    handle: str | None = None
    trouble: str | None = None
    summary: str | None = None

    @property
    def allowed(self) -> bool:
        """True only for the verdict allow."""
        return self.body.get("verdict") == "allow"

    @property
    def subject(self) -> str:
        """The subject's digest, whole."""
        return str(self.body["subject"]["digest"])

    @property
    def unknown(self) -> bool:
        """Nobody who may has vouched for the subject: its kind is not known."""
        return any(check["code"] == "lineage.subject_known" for check in self.checks(*FAILING))

    def checks(self, *statuses: str) -> list[Mapping[str, Any]]:
        """The checks of some statuses, in the order of the document."""
        return [check for check in self.body["checks"] if check["status"] in statuses]

    def command(self, text: str) -> str:
        """Words with commands in them, the subject called as the user called it."""
        return text if self.handle is None else text.replace(self.subject, self.handle)

    def warnings(self) -> bool:
        """An allow that somebody should look at: warned, waived, or only allowed by its mode."""
        return self.allowed and bool(self.checks("warn", "waived") or self.body["would"] == "deny")


def short(digest: str) -> str:
    """A digest for reading: the algorithm and twelve digits."""
    algorithm, _, hexadecimal = digest.partition(":")
    return f"{algorithm}:{hexadecimal[:12]}…"


def headline(shown: Shown) -> str:
    """The first line without decoration: verdict, gate, subject, judge."""
    body = shown.body
    versions = body["versions"]
    word = "PLACET" if shown.allowed else "NON PLACET"
    if body["dry_run"]:
        word += " (dry run)"
    elif body["verdict"] != body["would"]:
        word += f" ({body['mode']} mode; would {body['would']})"
    policy = f"(policy placet@{body['policy']['revision'][:12]}…, OPA {versions['opa']})"
    return f"{word}  {body['gate']}  {shown.label}  {short(shown.subject)}  {policy}"


ASK_AGAIN = (
    "Then ask again. Each --as is a person's own key (placet key new NAME), whose role stands in trust.yaml."
)


_SAID = "--lock LOCKFILE --param C=1.0 --seed numpy=7"


def shortest_way(shown: Shown) -> list[str]:
    """At most five commands that lead from a model nobody vouched for to an answer of the policy."""
    name, path = shown.handle or shown.subject, shown.handle or "MODEL"
    steps = [
        "placet attest dataset DATA --from dataset.yaml --as data-owner",
        f"placet record --step train --input DATA --code train.py {_SAID} --output {path} -- python train.py",
        "placet measure splits --train DATA --test TEST --as evaluator",
        f"placet measure evaluation --model {path} --labels TEST --predictions PREDICTIONS --as evaluator",
    ]
    if any(check["code"] == "change.approved" for check in shown.checks(*FAILING)):
        steps.append(f"placet approve {shown.body['gate']} {name} --ticket CHG-1 --as approver")
    return steps
