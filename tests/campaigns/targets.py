"""The service that hostile cases are aimed at: a real process with a webhook, issuers, tokens and evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from placet_api.wiring import open_house
from placet_attestations.digests import hash_file
from tests.api.http.serving import serving
from tests.api.projects import done
from tests.builders import a_bundle, a_digest, a_key, a_provenance, a_statement, a_subject
from tests.campaigns.cases import make_project
from tests.campaigns.hostility import REQUEST_SECONDS, Size, Target
from tests.campaigns.reviews import SETTINGS
from tests.campaigns.wire import Port
from tests.fakes.issuer import FakeIssuer, an_issuer
from tests.tls import Authority

_LINKS: Final = 200  # steps of a lineage; 64 are walked
_MORE: Final = 100  # artifacts beside each other above those that are looked at


@contextmanager
def a_target(folder: Path, size: Size) -> Iterator[Target]:
    """A service in `folder`, with short times and the bounds of `size`, until the block ends."""
    project, authority = folder / "project", Authority.make(folder / "tls")
    leaf, models = authority.issue_server("webhook"), _models(project, size.artifacts + _MORE)
    tokens = {
        role: done("token", "new", "dev@example.org", "--role", role, folder=project).out.strip()
        for role in ("gate", "submitter")
    }
    variables = {
        "TMPDIR": str(folder),
        "PLACET_KUBERNETES_LISTEN": "127.0.0.1:0",
        "PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert),
        "PLACET_KUBERNETES_KEY": str(leaf.key),
        "PLACET_HTTP_REQUEST_SECONDS": str(REQUEST_SECONDS),
        "PLACET_HTTP_CONNECTIONS": str(size.bound),
        "PLACET_HTTP_RATE": "100000",
        "PLACET_LIMITS_ARTIFACTS": str(size.artifacts),
    }
    with an_issuer() as issuer, an_issuer() as dead:
        dead.down = True
        settings = project / "placet.yaml"
        settings.write_text(settings.read_text() + SETTINGS + _issuers(issuer, dead))
        with serving(project, **variables) as service:
            hook = Port(int(service.hook.rpartition(":")[2]), authority.client_context())
            yield Target(
                service=service,
                size=size,
                http=Port(service.port),
                hook=hook,
                issuer=issuer,
                dead=dead,
                gate=tokens["gate"],
                submitter=tokens["submitter"],
                models=models,
                deep=a_digest(f"link-{_LINKS}"),
                wide=a_digest("wide"),
            )


def _models(project: Path, roots: int) -> dict[str, str]:
    """The project, a lineage that is too deep and one that is too wide, and the models' digests by case."""
    made, cases = make_project(project)
    uses = {f"link-{number}": [f"link-{number - 1}"] for number in range(1, _LINKS + 1)}
    with open_house(made) as house:
        for name, sources in (uses | {"wide": [f"root-{number}" for number in range(roots)]}).items():
            predicate = a_provenance("preprocess", dict.fromkeys(sources, "dataset"))
            statement = a_statement("preprocess", [a_subject(name, kind="dataset")], predicate)
            house.intake.take_in(a_bundle(statement, a_key("ci")))
    models: dict[str, str] = {}
    for case in cases:
        models.setdefault(case.name, hash_file(case.artifact)[0])
    return models


def _issuers(*issuers: FakeIssuer) -> str:
    """Settings under which the subject `job` of each of them may ask a gate."""
    callers = [{"claims": {"sub": "job"}, "principal": "dev@example.org", "roles": ["gate"]}]
    rows = [{"issuer": issuer.url, "audience": "placet", "callers": callers} for issuer in issuers]
    return f"http: {json.dumps({'issuers': rows})}\n"
