"""The cases of sigstore-conformance's `bundle-verify`: what each is verified with, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.vectors import vectors_dir

_BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
IDENTITY = f"{_BEACON}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Case:
    """One folder; `key` and `root` are None where the case brings none."""

    name: str
    bundle: Path
    artifact: Path
    identity: str
    issuer: str
    key: Path | None
    root: Path | None

    @property
    def is_good(self) -> bool:
        """Whether it must be verified."""
        return not self.name.endswith("_fail")


def cases() -> list[Case]:
    """All of them, by name."""
    folder = vectors_dir() / "sigstore-conformance" / "bundle-verify"
    return [_case(path) for path in sorted(folder.iterdir()) if path.is_dir()]


def _case(folder: Path) -> Case:
    artifact = folder / "artifact"
    return Case(
        folder.name,
        folder / "bundle.sigstore.json",
        artifact if artifact.exists() else folder.parent / "a.txt",
        _text(folder / "identity", IDENTITY),
        _text(folder / "issuer", ISSUER),
        _existing(folder / "key.pub"),
        _existing(folder / "trusted_root.json"),
    )


def _text(path: Path, default: str) -> str:
    return path.read_text().strip() if path.exists() else default


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
