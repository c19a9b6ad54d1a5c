"""Verifying: `verify` next to what it stands on, one core, in turns.

    python benchmarks/verifying.py [--quick]

By key: beside it the same JSON parsed and the same signature checked by `cryptography`, and nothing else; the aim is
0.8 of that rate. `verify` also holds the predicate against its schema, and reads kinds, names and dependencies;
`verify_bundle` does not. By certificate: beside it sigstore-python's `Verifier.verify_dsse` of the same bundles under
the same roots; the aim is at most 1.15 of its time. A remembered verdict: under 20 us, and at least 50 times faster
than a certificate's. Memory: a process of its own that verifies 100,000 bundles, each of other bytes, most by key, some
by certificate, some refused; the aim is at most 5 MB more (RssAnon, the least of five samples) than after 10,000.

The bundles by certificate are other people's (PLACET_VECTORS, else ../shared/vectors); without them their rows are left
out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._processes import resident
from benchmarks._timing import table
from placet_attestations.envelope import pae
from placet_attestations.errors import AttestationError
from placet_attestations.reading import read_signed
from placet_attestations.roots.shipped_roots import SHIPPED
from placet_attestations.sigstore.sigstore_verify import read_signer, verify_bundle
from placet_attestations.trust import TrustPolicy, load_trust
from placet_attestations.verifier import Verifier
from placet_attestations.verify import verify
from tests.builders import a_bundle, a_key, a_provenance, a_statement, a_subject

KEY, CERTIFICATE, TIMES, MICROSECONDS, GROWTH = 0.8, 1.15, 50.0, 20.0, 5.0
MARKS, SAMPLES = (10_000, 100_000), 5
VECTORS = {
    "log's promise (Rekor v1)": ("conda-attestation.sigstore.json", "public-good"),
    "time stamp (Rekor v2)": ("conda-attestation-rekor2.sigstore.json", "staging"),
}


@dataclass(frozen=True, slots=True)
class Certified:
    """A bundle by certificate and the name of the root that vouches for it."""

    raw: bytes
    root: str


def main(arguments: Sequence[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds; shows that it runs, not how fast")
    parser.add_argument("--hold", type=int, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
        trust = make_trust(Path(name))
        if options.hold:
            print(json.dumps(list(held(trust, options.hold))))
            return 0
        rounds = 3 if options.quick else 15
        if not certified():
            print("no vectors (PLACET_VECTORS): nothing by certificate is measured\n")
        measured = [*by_key(trust, rounds), *by_certificate(trust, rounds)]
        print(table(["", "placet, us", "beside it, us", "ratio"], measured))
        print()
        print(table(["", "us", "a certificate's :", "limits"], list(remembered(trust, rounds))))
    marks = (100, 1000) if options.quick else MARKS
    small, large = grown(marks)
    verdict = "too few to tell" if options.quick else limit(large - small, GROWTH)
    print(
        f"\n{small:.1f} MB after {marks[0]:,}, {large:.1f} MB after {marks[1]:,}: {large - small:+.1f} MB, {verdict}"
    )
    return 0


def make_trust(folder: Path) -> TrustPolicy:
    """A trust.yaml for the key and for whoever signed the bundles of `VECTORS`."""
    (folder / "ci.pub").write_text(a_key("ci").public_key.pem)
    lines = ["version: 1", "rules: []", "signers:"]
    lines.append("  - {id: ci, principal: ci, key: ci.pub, roles: [trainer]}")
    for number, item in enumerate(certified().values()):
        leaf = read_signer(read_signed(item.raw))
        names = f"issuer: '{leaf.issuer}', identity: '{leaf.identity}'"
        lines.append(f"  - {{id: by-{number}, principal: p, {names}, root: {item.root}, roles: [trainer]}}")
    (folder / "trust.yaml").write_text("\n".join(lines))
    return load_trust(folder / "trust.yaml")


def certified() -> dict[str, Certified]:
    """Other people's bundles, by what proves their time; none where they are not at hand."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "vectors"
    folder = Path(os.environ.get("PLACET_VECTORS") or beside) / "bundles"
    if not folder.is_dir():
        return {}
    return {name: Certified((folder / file).read_bytes(), root) for name, (file, root) in VECTORS.items()}


def trained(number: int = 0) -> bytes:
    """A bundle by key over provenance with twenty dependencies."""
    predicate = a_provenance("training", {f"part-{item}": "dataset" for item in range(20)})
    return a_bundle(a_statement("training", [a_subject(f"model {number}")], predicate), a_key("ci"))


def by_key(trust: TrustPolicy, rounds: int) -> Iterator[list[str]]:
    """A small statement and a larger one."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(a_key("ci").public_key.der)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    scheme = ec.ECDSA(hashes.SHA256())

    def bare(raw: bytes) -> object:
        envelope = json.loads(raw)["dsseEnvelope"]
        payload = b64decode(envelope["payload"])
        key.verify(b64decode(envelope["signatures"][0]["sig"]), pae(envelope["payloadType"], payload), scheme)
        return json.loads(payload)

    small = a_bundle(a_statement("dataset", [a_subject()]), a_key("ci"))
    for name, raw in (("small", small), ("20 dependencies", trained())):
        public = a_key("ci").public_key
        ours, signature, theirs = take_turns(
            rounds,
            200,
            partial(verify, raw, trust),
            partial(verify_bundle, raw, key=public),
            partial(bare, raw),
        )
        for what, figure in (("statement and predicate", ours), ("signature alone", signature)):
            ratio = f"{theirs / figure:.2f} of its rate, {'ok' if theirs / figure >= KEY else 'NOT'} {KEY}"
            yield [f"key, {name} ({len(raw):,} bytes), {what}", f"{figure:.0f}", f"{theirs:.0f}", ratio]


def by_certificate(trust: TrustPolicy, rounds: int) -> Iterator[list[str]]:
    """Each of the bundles, with sigstore-python's verifier made once, as ours has read its roots once."""
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier as Stock
    from sigstore.verify import policy
    from sigstore_models.trustroot.v1 import TrustedRoot as Model

    for name, item in certified().items():
        stock = Stock(trusted_root=TrustedRoot(Model.from_json(SHIPPED[item.root].read_trusted_root())))
        who = verify(item.raw, trust).certificate
        assert who is not None
        expected = policy.Identity(identity=who.identity, issuer=who.issuer)

        def theirs(raw: bytes, stock: Stock = stock, expected: policy.Identity = expected) -> object:
            return stock.verify_dsse(Bundle.from_json(raw), expected)

        ours, beside = take_turns(rounds, 10, partial(verify, item.raw, trust), partial(theirs, item.raw))
        ratio = f"{ours / beside:.2f} of its time, {limit(ours / beside, CERTIFICATE)}"
        yield [f"certificate, {name}", f"{ours:.0f}", f"{beside:.0f}", ratio]


def remembered(trust: TrustPolicy, rounds: int) -> Iterator[list[str]]:
    """Asking again for what was verified."""
    bundles = {name: item.raw for name, item in certified().items()}
    for name, raw in {**bundles, "key, 20 dependencies": trained()}.items():
        verifier = Verifier()
        verifier.verify(raw, trust)
        (again,) = take_turns(rounds, 1000, partial(verifier.verify, raw, trust))
        (first,) = take_turns(rounds, 10, partial(verify, raw, trust))
        told = limit(again, MICROSECONDS)
        if name in bundles:
            told += f", {'ok' if first / again >= TIMES else 'NOT'} {TIMES:g}"
        yield [f"remembered, {name}", f"{again:.1f}", f"{first / again:.0f}", told]


def take_turns(rounds: int, times: int, *works: Callable[[], object]) -> list[float]:
    """Median microseconds of one call of each, in turns, for a machine's speed drifts; a first round warms up."""
    taken: list[list[float]] = []
    for _ in range(rounds + 1):
        row = []
        for work in works:
            gc.collect()
            start = perf_counter()
            for _ in range(times):
                work()
            row.append((perf_counter() - start) / times * 1e6)
        taken.append(row)
    return [median(column) for column in zip(*taken[1:], strict=True)]


def limit(figure: float, most: float) -> str:
    """Whether it is kept."""
    return f"{'ok' if figure <= most else 'NOT'} {most:g}"


def grown(marks: Sequence[int]) -> tuple[float, float]:
    """Megabytes at each mark, of a process that does nothing else."""
    command = [sys.executable, __file__, "--hold", *map(str, marks)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    small, large = json.loads(done.stdout)
    return small, large


def held(trust: TrustPolicy, marks: Sequence[int]) -> Iterator[float]:
    """Megabytes at each mark; the memory of verdicts is as large as a service's, and full before the first."""
    verifier, done = Verifier(), 0
    templates = [json.loads(trained(number)) for number in range(50)]
    refused = json.loads(a_bundle(a_statement("dataset", [a_subject()]), a_key("stranger")))
    named = [json.loads(item.raw) for item in certified().values()]
    samples: deque[int] = deque(maxlen=SAMPLES)
    for mark in marks:
        while done < mark:
            document = templates[done % len(templates)]
            if done % 100 == 99 and named:
                document = named[done // 100 % len(named)]
            elif done % 10 == 9:
                document = refused
            raw = json.dumps(document).encode() + b" " * (done % 50) + b"\n" * (done // 50 % 50)
            raw += b"\t" * (done // 2500)
            try:
                verifier.verify(raw, trust)
            except AttestationError:
                assert document is refused
            done += 1
            if done % max(1, mark // 20) == 0:
                samples.append(resident(os.getpid()))
        yield min(samples) / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
