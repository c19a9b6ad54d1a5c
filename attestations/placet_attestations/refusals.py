"""Why a statement does not count: a code, and words that name the line of trust.yaml that would have admitted it.

No line can make up for a kind that nobody stated, nor for a certificate that was not valid: those words name none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from placet_attestations.times import format_time
from placet_attestations.trust import Revocation, Rule, SignerRecord

Problem: TypeAlias = tuple[str, str]
"""Code (`trust.*`) and text."""


def unknown_signer(signer: SignerRecord) -> Problem:
    """Verified under another trust.yaml, which names somebody whom this one does not."""
    return "trust.signer_unknown", f"{signer.id} is not in trust.yaml"


def revoked(signer: SignerRecord, revocation: Revocation) -> Problem:
    """The signer was revoked when the statement is proved to have existed."""
    since = "always" if revocation.since is None else format_time(revocation.since)
    reason = f": {revocation.reason}" if revocation.reason else ""
    return "trust.signer_revoked", f"{signer.id} is revoked from {since}{reason} ({revocation.where})"


def outside_window(signer: SignerRecord, at: datetime) -> Problem:
    """The statement is proved to have existed before or after the signer's `valid`."""
    early = signer.valid_from is not None and at < signer.valid_from
    bound = signer.valid_from if early else signer.valid_until
    assert bound is not None  # else every time is inside
    words = f"{signer.id} is not valid {'before' if early else 'since'} {format_time(bound)}"
    return "trust.signer_expired", f"{words}, the statement is from {format_time(at)} ({signer.where})"


def certificate_over(signer: SignerRecord, at: datetime) -> Problem:
    """The certificate was not valid at the arrival, and nobody proves an earlier time."""
    words = f"the certificate of {signer.id} was not valid at {format_time(at)}, and no other time is proved"
    return "trust.certificate_expired", words


def builder_not_allowed(signer: SignerRecord, builder: str) -> Problem:
    """The signer's entry does not list this builder id."""
    words = f"{signer.id} may not claim the builder {builder[:200]}: {signer.where} would have to list it"
    return "trust.builder_not_allowed", words


def no_rule(signer: SignerRecord, short: str, kinds: frozenset[str] | None, rules: Sequence[Rule]) -> Problem:
    """No rule lets one of the signer's roles make such statements; `kinds` is None before they are known."""
    if kinds is not None and not kinds:
        return "trust.kind_unknown", "no admitted statement says what kind of artifact this is"
    about = "" if kinds is None else f" about a {' and '.join(sorted(kinds))}"
    who = f"{signer.id} (roles: {', '.join(sorted(signer.roles))}; {signer.where})"
    of_type = [rule for rule in rules if short in rule.types]
    fitting = [rule for rule in of_type if kinds is None or kinds <= rule.kinds]
    if fitting:
        wanted = ", ".join(sorted({role for rule in fitting for role in rule.roles}))
        need = f"that needs one of the roles {wanted} ({_lines(fitting)})"
    elif of_type:
        need = f"no rule about such statements is for that kind ({_lines(of_type)})"
    else:
        need = "that needs a rule in trust.yaml, and there is none"
    return "trust.role_missing", f"{who} may not make {short} statements{about}: {need}"


def too_few(count: int, rule: Rule) -> Problem:
    """Fewer principals than the rule asks for said the same."""
    return "trust.threshold", f"{count} of {rule.threshold} needed principals say so ({rule.where})"


def name_not_allowed(signer: SignerRecord, what: str, rules: Iterable[Rule]) -> Problem:
    """None of the rules that admit the statement lets its signer give this name or alias."""
    words = f"{signer.id} may not give the {what}: {_lines(rules, ' or ')} would have to allow it"
    return "trust.name_not_allowed", words


def _lines(rules: Iterable[Rule], between: str = ", ") -> str:
    return between.join(dict.fromkeys(rule.where for rule in rules))
