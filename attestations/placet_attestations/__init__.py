"""Who claimed what, and may we believe it: the door of this room.

Names are loaded when they are first used (PEP 562), for `placet version` must not pay for cryptography or
JSON Schema. `_HOMES` says where each name lives; the imports under TYPE_CHECKING say the same to type
checkers, and a test compares the two. A function of the same name as its module (`verify.verify`,
`claims.claims`) is imported from there: the door cannot hand out both.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet_attestations.admission import Admission as Admission
    from placet_attestations.admission import Judgement as Judgement
    from placet_attestations.admission import Refused as Refused
    from placet_attestations.admission import admit as admit
    from placet_attestations.admission import admit_all as admit_all
    from placet_attestations.admission import apply_thresholds as apply_thresholds
    from placet_attestations.bundle import make_bundle as make_bundle
    from placet_attestations.claims import Claim as Claim
    from placet_attestations.claims import Dependency as Dependency
    from placet_attestations.claims import dependencies as dependencies
    from placet_attestations.database import open_database as open_database
    from placet_attestations.digest_cache import DigestCache as DigestCache
    from placet_attestations.digests import Digest as Digest
    from placet_attestations.digests import hash_file as hash_file
    from placet_attestations.envelope import Envelope as Envelope
    from placet_attestations.envelope import Signature as Signature
    from placet_attestations.envelope import pae as pae
    from placet_attestations.envelope import verify_envelope as verify_envelope
    from placet_attestations.errors import AttestationError as AttestationError
    from placet_attestations.errors import IdentityError as IdentityError
    from placet_attestations.errors import KeyFileError as KeyFileError
    from placet_attestations.errors import MalformedError as MalformedError
    from placet_attestations.errors import StoreError as StoreError
    from placet_attestations.errors import UnsupportedError as UnsupportedError
    from placet_attestations.errors import VerificationError as VerificationError
    from placet_attestations.keys import LocalSigner as LocalSigner
    from placet_attestations.keys import PublicKey as PublicKey
    from placet_attestations.keys import Signer as Signer
    from placet_attestations.keys import generate as generate
    from placet_attestations.keys import load_private as load_private
    from placet_attestations.keys import load_public as load_public
    from placet_attestations.keys import save_private as save_private
    from placet_attestations.keys import save_public as save_public
    from placet_attestations.limits import DEFAULT_LIMITS as DEFAULT_LIMITS
    from placet_attestations.limits import Limits as Limits
    from placet_attestations.manifest import Entry as Entry
    from placet_attestations.manifest import manifest_text as manifest_text
    from placet_attestations.manifest import parse_manifest as parse_manifest
    from placet_attestations.oci import identify_layout as identify_layout
    from placet_attestations.oci import is_layout as is_layout
    from placet_attestations.oci import write_layout as write_layout
    from placet_attestations.oms import ModelDifferences as ModelDifferences
    from placet_attestations.oms import SignedModel as SignedModel
    from placet_attestations.oms import check_model as check_model
    from placet_attestations.oms import read_model as read_model
    from placet_attestations.predicate_types import SHORT_TYPES as SHORT_TYPES
    from placet_attestations.predicate_types import is_known as is_known
    from placet_attestations.predicate_types import short_type as short_type
    from placet_attestations.predicates import validate as validate
    from placet_attestations.reading import read_signed as read_signed
    from placet_attestations.requests import Actor as Actor
    from placet_attestations.requests import authenticate as authenticate
    from placet_attestations.requests import sign_request as sign_request
    from placet_attestations.roots.trusted_root import TrustedRoot as TrustedRoot
    from placet_attestations.signing import sign_statement as sign_statement
    from placet_attestations.sigstore.sigstore_bundle import SigstoreBundle as SigstoreBundle
    from placet_attestations.sigstore.sigstore_bundle import parse_sigstore_bundle as parse_sigstore_bundle
    from placet_attestations.sigstore.sigstore_verify import verify_bundle as verify_bundle
    from placet_attestations.sigstore.verified_bundle import ProvedTime as ProvedTime
    from placet_attestations.sigstore.verified_bundle import VerifiedBundle as VerifiedBundle
    from placet_attestations.sigstore.verified_bundle import VerifiedCertificate as VerifiedCertificate
    from placet_attestations.sqlite_store import SqliteEvidenceStore as SqliteEvidenceStore
    from placet_attestations.statement import Statement as Statement
    from placet_attestations.statement import Subject as Subject
    from placet_attestations.store import EvidenceStore as EvidenceStore
    from placet_attestations.strictjson import JsonObject as JsonObject
    from placet_attestations.strictjson import JsonValue as JsonValue
    from placet_attestations.strictjson import read_bounded as read_bounded
    from placet_attestations.trees import Differences as Differences
    from placet_attestations.trees import Identity as Identity
    from placet_attestations.trees import check as check
    from placet_attestations.trees import identify as identify
    from placet_attestations.trust import CertificateSigner as CertificateSigner
    from placet_attestations.trust import Revocation as Revocation
    from placet_attestations.trust import Rule as Rule
    from placet_attestations.trust import SignerRecord as SignerRecord
    from placet_attestations.trust import TrustPolicy as TrustPolicy
    from placet_attestations.trust import load_trust as load_trust
    from placet_attestations.verifier import Verifier as Verifier
    from placet_attestations.verify import VerifiedStatement as VerifiedStatement
    from placet_attestations.x509.identities import CertificateIdentity as CertificateIdentity
    from placet_attestations.x509.identities import Match as Match

_HOMES = {
    "admission": (
        "Admission",
        "Judgement",
        "Refused",
        "admit",
        "admit_all",
        "apply_thresholds",
    ),
    "bundle": ("make_bundle",),
    "claims": (
        "Claim",
        "Dependency",
        "dependencies",
    ),
    "database": ("open_database",),
    "digest_cache": ("DigestCache",),
    "digests": (
        "Digest",
        "hash_file",
    ),
    "envelope": (
        "Envelope",
        "Signature",
        "pae",
        "verify_envelope",
    ),
    "errors": (
        "AttestationError",
        "IdentityError",
        "KeyFileError",
        "MalformedError",
        "StoreError",
        "UnsupportedError",
        "VerificationError",
    ),
    "x509.identities": (
        "CertificateIdentity",
        "Match",
    ),
    "keys": (
        "LocalSigner",
        "PublicKey",
        "Signer",
        "generate",
        "load_private",
        "load_public",
        "save_private",
        "save_public",
    ),
    "limits": (
        "DEFAULT_LIMITS",
        "Limits",
    ),
    "manifest": (
        "Entry",
        "manifest_text",
        "parse_manifest",
    ),
    "oci": (
        "identify_layout",
        "is_layout",
        "write_layout",
    ),
    "oms": (
        "ModelDifferences",
        "SignedModel",
        "check_model",
        "read_model",
    ),
    "predicate_types": (
        "SHORT_TYPES",
        "is_known",
        "short_type",
    ),
    "predicates": ("validate",),
    "reading": ("read_signed",),
    "requests": (
        "Actor",
        "authenticate",
        "sign_request",
    ),
    "signing": ("sign_statement",),
    "sigstore.sigstore_bundle": (
        "SigstoreBundle",
        "parse_sigstore_bundle",
    ),
    "sigstore.sigstore_verify": ("verify_bundle",),
    "sqlite_store": ("SqliteEvidenceStore",),
    "statement": (
        "Statement",
        "Subject",
    ),
    "store": ("EvidenceStore",),
    "strictjson": (
        "JsonObject",
        "JsonValue",
        "read_bounded",
    ),
    "trees": (
        "Differences",
        "Identity",
        "check",
        "identify",
    ),
    "trust": (
        "CertificateSigner",
        "Revocation",
        "Rule",
        "SignerRecord",
        "TrustPolicy",
        "load_trust",
    ),
    "roots.trusted_root": ("TrustedRoot",),
    "sigstore.verified_bundle": (
        "ProvedTime",
        "VerifiedBundle",
        "VerifiedCertificate",
    ),
    "verifier": ("Verifier",),
    "verify": ("VerifiedStatement",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605 - one list, in _HOMES


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
