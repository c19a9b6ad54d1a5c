"""What hostile cases have in common: the service they are aimed at, and how each is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.api.http.serving import Serving
from tests.campaigns.cases import GATE
from tests.campaigns.wire import Port, hear, request
from tests.fakes.issuer import FakeIssuer

REQUEST_SECONDS: Final = 2.0  # http.request_seconds of the service here
DECIDE: Final = "/v1/decisions"


@dataclass(frozen=True, slots=True)
class Size:
    """How large the floods are."""

    connections: int = 10_000
    bound: int = 2_000
    slow: int = 200
    body_mib: int = 64
    pipelined: int = 1_000
    ahead: int = 200_000
    tokens: int = 50
    artifacts: int = 4_096  # limits.artifacts of the service


@dataclass(frozen=True, slots=True)
class Target:
    """A service with everybody who may speak to it.

    `models` are digests by the name of their case, `deep` and `wide` the digests of artifacts with
    too long and too broad a lineage, `dead` an issuer that is configured and down.
    """

    service: Serving
    size: Size
    http: Port
    hook: Port
    issuer: FakeIssuer
    dead: FakeIssuer
    gate: str
    submitter: str
    models: Mapping[str, str]
    deep: str
    wide: str

    def question(self, case: str = "vouched for") -> bytes:
        """The body of a question about one model."""
        asked = {"gate": GATE, "subject": {"digest": self.models[case]}, "context": {}}
        return json.dumps(asked).encode()

    def good(self) -> str:
        """What a good caller hears who asks about a model that must be allowed, on a connection of its own."""
        with self.http.connect() as line:
            with suppress(OSError):  # it may end before it has heard everything, and still say why
                line.sendall(request(DECIDE, self.gate, method="POST", body=self.question()))
            answers = hear(line, 1)
        return str(answers[0]) if answers else "closed"

    def good_again(self) -> str:
        """The same once the service is itself again: asked for until it is, for as long as a request may take."""
        until = time.monotonic() + 2 * REQUEST_SECONDS
        while (heard := self.good()) != "200 allow" and time.monotonic() < until:
            time.sleep(0.05)
        return heard


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile thing to do. `expected` are the answers that are right: any one of them."""

    name: str
    expected: tuple[str, ...]
    act: Callable[[Target], str]


@dataclass(frozen=True, slots=True)
class Row:
    """How one case went. `peak` is what the service's memory grew by at most, in bytes."""

    case: Case
    got: str
    seconds: float
    peak: int

    @property
    def right(self) -> bool:
        """Whether it was answered as it must be."""
        return self.got in self.case.expected


Cases = Iterator[Case]
