"""A policy set: the files OPA is given, under the revision that names them.

Reading one needs no OPA and takes a few milliseconds; `accept` says whether OPA may be given it. The revision
is the directory identity of the files inside the bundle (design.md section 5), so it depends neither on the
folder's name nor on times, and `placet digest` of an unpacked bundle without its manifest gives it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError
from placet_attestations.manifest import Entry, manifest_text
from placet_attestations.strictjson import JsonObject
from placet_engine.errors import PolicyError
from placet_engine.policy.archive import PolicyFile, read_archive, write_archive
from placet_engine.policy.folder import read_policy_folder
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.settings_overlay import overlay_files, read_settings, settings_file


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The files of one policy set, sorted by path, as they go into the bundle.

    `revision`: 64 hex digits. `archive`: the bundle, the same bytes for the same files. `settings_sha256`:
    digest of the settings file after the overlay, None when the set has no settings. `settings_schema`: the
    set's own `schemas/settings.json`, if it has one. `ignored`: what lay in the folder and is not part of the
    set.
    """

    files: tuple[PolicyFile, ...]
    revision: str
    archive: bytes = field(repr=False)
    archive_sha256: Digest
    settings_sha256: Digest | None
    settings_schema: bytes | None = field(repr=False)
    ignored: tuple[str, ...]

    def settings(self) -> JsonObject:
        """The effective settings; {} when the set has none. Raises PolicyError settings.invalid."""
        file = settings_file(self.files)
        return {} if file is None else read_settings(file)


def load_policy_set(
    folder: Path, *, overlay: JsonObject | None = None, limits: PolicyLimits = DEFAULT_POLICY_LIMITS
) -> PolicySet:
    """Read the policy set in `folder` (the parent of `placet/`), with `overlay` merged into its settings.

    Raises PolicyError policy.missing, policy.unreadable, policy.symlink, policy.file_name,
    policy.outside_root, policy.empty, policy.too_large, settings.invalid.
    """
    found = read_policy_folder(folder, limits)
    return _policy_set(found.files, overlay, found.settings_schema, found.ignored)


def load_policy_archive(
    data: bytes, *, overlay: JsonObject | None = None, limits: PolicyLimits = DEFAULT_POLICY_LIMITS
) -> PolicySet:
    """Read a policy set from a bundle archive; without an overlay it gets the revision it was built with
    again.

    Raises PolicyError policy.archive, policy.too_large, policy.file_name, policy.empty, settings.invalid.
    """
    return _policy_set(read_archive(data, limits), overlay, None, ())


def revision_of(files: tuple[PolicyFile, ...]) -> str:
    """The directory identity of files in memory, as hex. Raises PolicyError policy.file_name."""
    entries = [Entry(file.path, Digest.of(file.data), len(file.data)) for file in files]
    try:
        return Digest.of(manifest_text(entries)).hex
    except IdentityError as error:
        raise PolicyError("policy.file_name", error.message, where=error.where, hint=error.hint) from error


def _policy_set(
    files: tuple[PolicyFile, ...], overlay: JsonObject | None, schema: bytes | None, ignored: tuple[str, ...]
) -> PolicySet:
    if not any(file.path.endswith(".rego") for file in files):
        raise PolicyError(
            "policy.empty",
            "the policy set holds no Rego file under placet/",
            hint="point `policies` at the folder that holds placet/main/main.rego",
        )
    if overlay:
        files = overlay_files(files, overlay)
    revision = revision_of(files)
    archive = write_archive(files, revision)
    settings = settings_file(files)
    return PolicySet(
        files=files,
        revision=revision,
        archive=archive,
        archive_sha256=Digest.of(archive),
        settings_sha256=None if settings is None else Digest.of(settings.data),
        settings_schema=schema,
        ignored=ignored,
    )
