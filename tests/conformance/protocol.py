"""`verify-bundle` of sigstore-conformance's command line, on top of `verify_bundle` and nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.keys import load_public
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.strictjson import read_bounded
from placet_attestations.x509.identities import CertificateIdentity
from tests.conformance.roots import trusted_root


def main(arguments: Sequence[str]) -> int:
    """0 when the bundle is verified, 1 when it is refused; 2 for words that are not of the protocol."""
    options = _parser().parse_args(arguments)
    try:
        _verify(options)
    except AttestationError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 1
    return 0


def _verify(options: argparse.Namespace) -> None:
    key = identity = None
    if options.key is not None:
        key = load_public(options.key)
    else:
        identity = CertificateIdentity.exactly(
            issuer=options.certificate_oidc_issuer or "", identity=options.certificate_identity or ""
        )
    if options.trusted_root is not None:
        root = TrustedRoot.load(options.trusted_root)
    else:
        root = trusted_root("staging" if options.staging else "production")
    verify_bundle(
        read_bounded(options.bundle, DEFAULT_LIMITS.max_bundle_bytes),
        artifact=_artifact(options.artifact),
        identity=identity,
        key=key,
        root=root,
    )


def _artifact(text: str) -> Digest | Path:
    if text.startswith("sha256:") and not Path(text).exists():
        return Digest.parse(text)
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="client")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify-bundle")
    verify.add_argument("--staging", action="store_true")
    verify.add_argument("--bundle", type=Path, required=True)
    verify.add_argument("--certificate-identity")
    verify.add_argument("--certificate-oidc-issuer")
    verify.add_argument("--key", type=Path)
    verify.add_argument("--trusted-root", type=Path)
    verify.add_argument("artifact")
    return parser
