"""The gate's own key: found before a decision, used after it, for verification summaries and nothing else."""

from __future__ import annotations

from typing import Final

from placet_api.errors import UsageError
from placet_api.signing import key_file
from placet_api.summary import statements_in, summarize
from placet_api.wiring import House
from placet_attestations.errors import KeyFileError
from placet_attestations.keys import LocalSigner, load_private
from placet_attestations.signing import sign_statement
from placet_attestations.trust_file import GATE_ROLE
from placet_engine.evaluate import Decided

_SETTING: Final = "signing.gate"


def gate_signer(house: House) -> LocalSigner:
    """The key that the setting signing.gate names, when trust.yaml gives it the role `gate` now, and no other.

    The log key, the gate key and people's keys are different keys (design.md section 4): a verdict signed by somebody
    who may also approve would be worth nothing. Raises `UsageError` vsa.no_key, vsa.no_role.
    """
    name = house.project.settings.text(_SETTING)
    path = key_file(house.project, name)
    try:
        signer = load_private(path)
    except KeyFileError as error:
        raise UsageError(
            "vsa.no_key",
            f"there is no gate key to sign a verification summary with ({error.code})",
            where=_SETTING,
            hint=f"make one:  placet key new {name},  and give it the role {GATE_ROLE} in trust.yaml",
        ) from error
    record, now = house.trust.signer_of(signer.public_key.fingerprint), house.clock()
    if (
        record is None
        or record.roles != {GATE_ROLE}
        or not record.valid_at(now)
        or house.trust.signer_revocation(record.id, now) is not None
    ):
        raise UsageError(
            "vsa.no_role",
            f"the gate key is not, or no longer, that of a signer with the role {GATE_ROLE} and no other",
            where=_SETTING,
            hint=f"give {name}.pub a signer of its own in trust.yaml:  roles: [{GATE_ROLE}]",
        )
    return signer


def sign_summary(house: House, decided: Decided, signer: LocalSigner) -> bytes:
    """The bundle that says what was decided. Raises `UsageError` vsa.dry_run, `LogError`, what signing raises.

    The decision stands in the log already: whoever gets this error has no summary, and no less of a decision.
    """
    body = decided.decision.body
    digests = body["digests"]
    assert isinstance(digests, dict)
    used = None
    if digests["input"] is not None:
        used = statements_in(house.log.payload(decided.index, "input").data)
    return sign_statement(summarize(body, decided.index, used), signer)
