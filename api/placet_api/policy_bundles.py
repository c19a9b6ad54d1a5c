"""Policy bundles as they leave the house: what an OPA service is given, and the commands that sign and check a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from placet_api.errors import ConfigurationError
from placet_api.policies import accepted, folder_of, load, read_bundle
from placet_api.project import Project
from placet_attestations.keys import PublicKey
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import PolicySet, load_policy_archive, load_policy_set
from placet_engine.policy.bundle_signature import ALGORITHM, SignedBundle, sign_bundle, verify_bundle

KEY = "http.bundle_key"


@dataclass(frozen=True, slots=True)
class ServedBundle:
    """A bundle for an OPA that polls.

    `etag` rests on the policy set and the key, not on the bytes: two workers that sign the same set serve different
    signatures under the same tag, and an OPA that has one of them asks for none of the others.
    """

    revision: str
    data: bytes = field(repr=False)
    etag: str


def served(project: Project, policy: PolicySet) -> ServedBundle:
    """What a service publishes of this policy set; signed when http.bundle_key names a key. Raises as `sign_bundle`."""
    key = project.optional_path(KEY)
    if key is None:
        return ServedBundle(policy.revision, policy.archive, f'"{policy.archive_sha256}"')
    signed = sign_bundle(policy, key, _opa(project))
    return ServedBundle(policy.revision, signed.archive, f'"{policy.archive_sha256}.{signed.key_id}"')


def sign(project: Project, source: Path | None, key: Path | None, scope: str | None) -> SignedBundle:
    """Accept a policy set (a folder, a bundle, else the project's own with its settings), and sign its bundle.

    Raises `ConfigurationError` policy.no_key, and what accepting and `sign_bundle` raise.
    """
    private = key or project.optional_path(KEY)
    if private is None:
        raise ConfigurationError(
            "policy.no_key",
            "no key to sign with",
            where=KEY,
            hint=f"placet key new bundle, then --key bundle, or set {KEY}",
        )
    policy, opa = _policy_set(project, source), _opa(project)
    accepted(policy, opa)
    return sign_bundle(policy, private, opa, scope=scope)


def verify(project: Project, bundle: Path, key: PublicKey, scope: str | None) -> PolicySet:
    """The policy set that this key signed. Raises PolicyError policy.signature, `UsageError` policy.unreadable."""
    return verify_bundle(read_bundle(bundle), key, _opa(project), scope=scope)


def opa_key(key: PublicKey) -> dict[str, str]:
    """The entry of OPA's configuration `keys` for a public key."""
    return {"algorithm": ALGORITHM, "key": key.pem}


def _policy_set(project: Project, source: Path | None) -> PolicySet:
    if source is None:
        return load(project)
    return (
        load_policy_set(folder_of(project, source))
        if source.is_dir()
        else load_policy_archive(read_bundle(source))
    )


def _opa(project: Project) -> Binary:
    """The OPA that compiles and signs here, also where a service evaluates: never one that is only a URL."""
    if project.settings.optional("opa.url") is not None:
        return locate()
    return locate(project.optional_path("opa.path"))
