"""How much this room takes in before it refuses, each number with its reason. Sizes are in bytes."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what strangers may send or point at; above one of them is an error with a code."""

    max_bundle_bytes: int = 16 * MIB  # one Sigstore bundle or DSSE envelope; 10,000 subjects take 2 MiB
    max_statement_bytes: int = 12 * MIB  # the payload inside: what is left of a bundle after base64
    max_json_depth: int = 64  # nesting of any JSON document; real predicates stay below 12
    max_certificates: int = 10  # of a bundle's chain; Fulcio's has three, and only the first one is read
    max_certificate_bytes: int = 64 * KIB  # one certificate; Fulcio's take 2 KiB
    max_signatures: int = 1  # of an envelope inside a Sigstore bundle, as the format says
    max_envelope_signatures: int = 16  # of a bare DSSE envelope; each becomes a statement of its own
    max_pieces: int = 1024  # signed things in one file or answer; one release rarely has more than its files
    max_container_bytes: int = (
        128 * MIB
    )  # JSON lines of signed things, and all that one file or answer splits into
    max_log_entries: int = 1  # of a Sigstore bundle; other verifiers take exactly one as well
    max_proof_hashes: int = 64  # of one inclusion proof: a tree of 2^64 leaves
    max_checkpoint_bytes: int = 64 * KIB  # a signed checkpoint; one witness line takes 150 bytes
    max_timestamps: int = 32  # RFC 3161 tokens of a bundle, each 1.6 ms of work
    max_timestamp_bytes: int = 64 * KIB  # one of them; with its certificates it takes 4 KiB
    max_root_bytes: int = 1 * MIB  # trusted_root.json; the public one has 7 KiB
    max_roots: int = 16  # trusted roots in one .jsonl file; each is tried for each bundle
    max_tuf_bytes: int = (
        5_000_000  # one file of TUF metadata, as python-tuf allows; the public ones take 6 KiB
    )
    max_tuf_timestamp_bytes: int = 16_384  # timestamp.json, the one whose size nobody signed
    max_tuf_roots: int = 256  # root.json versions between the bootstrap and now
    max_tuf_mirror_bytes: int = 16 * MIB  # all that is kept of one TUF repository
    max_subjects: int = 10_000  # subjects of one statement
    max_trust_bytes: int = 1 * MIB  # trust.yaml
    max_key_bytes: int = 64 * KIB  # one PEM key file
    max_request_bytes: int = 64 * KIB  # a signed gate request
    max_statements_per_artifact: int = 256  # statements that one lineage looks at for one artifact
    max_lineage_depth: int = 64  # steps back from a subject to its roots
    max_lineage_artifacts: int = 4096  # artifacts in one lineage
    max_tree_files: int = 1_000_000  # files of a directory that gets an identity
    max_tree_depth: int = 128  # nested folders in it; each holds one open file descriptor while it is read
    max_manifest_bytes: int = 512 * MIB  # a sha256sum-style list that is read back
    max_oci_document_bytes: int = 4 * MIB  # index.json, manifest; the bound that registries use
    max_oci_layers: int = 1024  # layers of one image; runtimes give up far earlier
    max_table_bytes: int = 512 * MIB  # a CSV file that is measured; it is held in memory
    max_table_classes: int = 64  # distinct labels of one evaluation; a confusion matrix has their square


DEFAULT_LIMITS = Limits()
