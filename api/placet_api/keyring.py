"""The private keys of a project: a folder of PEM files, their public halves in `keys/`."""

from __future__ import annotations

from pathlib import Path

from placet_api.project import Project
from placet_api.signing import SUFFIX, key_file
from placet_attestations.keys import LocalSigner, load_private, save_private, save_public
from placet_attestations.trust import TrustPolicy, load_trust


def save(project: Project, name: str, signer: LocalSigner) -> tuple[Path, Path]:
    """Keep a key pair under a name; never overwrites. Raises `KeyFileError` `key.exists`."""
    private, public = key_file(project, name), project.root / "keys" / f"{name}.pub"
    private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    public.parent.mkdir(parents=True, exist_ok=True)
    save_private(private, signer)
    save_public(public, signer.public_key)
    return private, public


def listed(project: Project) -> list[dict[str, str]]:
    """The private keys: name, algorithm, fingerprint, and the signer that trust.yaml makes of it."""
    trust = load_trust(project.path("trust")) if project.path("trust").exists() else None
    folder = project.path("signing.keys")
    return [_row(path, trust) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def _row(path: Path, trust: TrustPolicy | None) -> dict[str, str]:
    public = load_private(path).public_key
    signer = None if trust is None else trust.signer_of(public.fingerprint)
    who = (
        "not in trust.yaml"
        if signer is None
        else f"{signer.id} ({signer.principal}): {', '.join(sorted(signer.roles))}"
    )
    return {
        "name": path.stem,
        "algorithm": public.algorithm,
        "fingerprint": public.fingerprint,
        "signer": who,
    }
