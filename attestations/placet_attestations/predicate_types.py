"""Which kinds of statements exist, under which URIs, and what people call them.

The constants are a contract with every statement ever signed (interface.md section 2). The owner of a
deployment may not change them; a new meaning gets a new URI.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from placet_attestations.statement import Statement
from placet_attestations.strictjson import JsonValue

DATASET: Final = "https://placet.dev/attestation/dataset/v1"
MEASUREMENT: Final = "https://placet.dev/attestation/measurement/v1"
APPROVAL: Final = "https://placet.dev/attestation/approval/v1"
DEPLOYMENT_SPEC: Final = "https://placet.dev/attestation/deployment-spec/v1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
VERIFICATION_SUMMARY: Final = "https://slsa.dev/verification_summary/v1"

BUILD_TYPE_INGEST: Final = "https://placet.dev/buildtypes/ingest/v1"
BUILD_TYPE_PREPROCESS: Final = "https://placet.dev/buildtypes/preprocess/v1"
BUILD_TYPE_TRAIN: Final = "https://placet.dev/buildtypes/train/v1"
BUILD_TYPE_PACKAGE: Final = "https://placet.dev/buildtypes/package/v1"

LOCAL_BUILDER: Final = "https://placet.dev/builders/local/v1"
"""The builder id of `placet record` on a developer's own machine."""

KINDS: Final = frozenset({"dataset", "model", "image", "code", "environment", "deployment"})
"""What an artifact can be claimed to be."""

DEPENDENCY_ROLES: Final = frozenset(
    {"dataset", "code", "lock", "base-model", "model", "image", "environment", "other"}
)
"""What an artifact can be to the step that used it (annotation `placet.dev/role`)."""

PREDICATE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dataset": DATASET,
        "measurement": MEASUREMENT,
        "approval": APPROVAL,
        "waiver": APPROVAL,
        "deployment": DEPLOYMENT_SPEC,
        "training": PROVENANCE,
        "preprocess": PROVENANCE,
        "ingest": PROVENANCE,
        "package": PROVENANCE,
        "provenance": PROVENANCE,
    }
)
"""Short type -> predicate type URI. Several short types share a URI; the body tells them apart."""

BUILD_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "training": BUILD_TYPE_TRAIN,
        "preprocess": BUILD_TYPE_PREPROCESS,
        "ingest": BUILD_TYPE_INGEST,
        "package": BUILD_TYPE_PACKAGE,
    }
)
"""Short type -> build type URI, for the stages of SLSA provenance that are ours."""

SHORT_TYPES: Final = frozenset(PREDICATE_TYPES)
"""The words that trust.yaml, the command line and the policy use."""

_SHORT_OF_URI = {DATASET: "dataset", MEASUREMENT: "measurement", DEPLOYMENT_SPEC: "deployment"}
_SHORT_OF_BUILD = {uri: short for short, uri in BUILD_TYPES.items()}
_KNOWN = frozenset(PREDICATE_TYPES.values())


def is_known(predicate_type: str) -> bool:
    """Whether a rule could ever read it; statements of other types are kept and satisfy nothing."""
    return predicate_type in _KNOWN


def short_type(statement: Statement) -> str:
    """What people call this statement: one of SHORT_TYPES, or the predicate type URI when that is unknown.

    Total: a malformed body gets the widest word (`approval`, `provenance`), `validate` then says what is
    wrong.
    """
    if statement.predicate_type == APPROVAL:
        return "waiver" if statement.predicate.get("kind") == "waiver" else "approval"
    if statement.predicate_type == PROVENANCE:
        build_type = build_type_of(statement)
        return _SHORT_OF_BUILD.get(build_type, "provenance") if isinstance(build_type, str) else "provenance"
    return _SHORT_OF_URI.get(statement.predicate_type, statement.predicate_type)


def build_type_of(statement: Statement) -> JsonValue:
    """`buildDefinition.buildType` of SLSA provenance, whatever stands there; None when nothing does."""
    definition = statement.predicate.get("buildDefinition")
    return definition.get("buildType") if isinstance(definition, Mapping) else None
