"""The policy set that comes with Placet: data in the wheel, the folder `policies/` in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from placet_engine.errors import PolicyError

PACKAGED: Final = "placet_policies"

_ROOM = Path(__file__).resolve().parents[2]  # site-packages, or the checkout's engine/


def shipped_policies(room: Path = _ROOM) -> Path:
    """The folder of the shipped policy set, with its `schemas/` and `capabilities.json`.

    `room` is the folder that holds the package `placet_engine`. Raises PolicyError policy.missing.
    """
    for candidate in (room / PACKAGED, room.parent / "policies"):
        if (candidate / "placet" / "main" / "main.rego").is_file():
            return candidate
    raise PolicyError(
        "policy.missing",
        "the policy set that belongs to this installation is not there",
        where=str(room / PACKAGED),
        hint="reinstall placet, or set `policies` in placet.yaml to a policy set",
    )


def shipped_capabilities(room: Path = _ROOM) -> Path:
    """The capabilities that every policy set is compiled with. Raises PolicyError policy.missing."""
    return shipped_policies(room) / "capabilities.json"


def shipped_settings_schema(room: Path = _ROOM) -> Path:
    """The JSON Schema of settings for a policy set that brings none. Raises PolicyError policy.missing."""
    return shipped_policies(room) / "schemas" / "settings.json"
