"""Routes on what judges: rules, gates, the bundle as OPA fetches it, reload."""

from __future__ import annotations

from placet_api.catalogue import document
from placet_api.http.asked import Asked, Reply, as_json
from placet_api.wiring import House

GZIP = "application/gzip"


def policies(house: House, asked: Asked) -> Reply:  # noqa: ARG001 - the shape of every route
    """Which policy set judges, and the gates it knows."""
    policy = house.policy_set
    gates = policy.settings().get("gates")
    return as_json(
        {
            "revision": policy.revision,
            "archive": policy.archive_sha256,
            "anchors": {**house.anchors.as_json(), "digest": house.anchors.digest},
            "gates": gates,
        }
    )


def rules(house: House, asked: Asked) -> Reply:  # noqa: ARG001 - the shape of every route
    """The rules with their words, the gates that ask them, the control matrix."""
    return as_json(document(house.project))


def bundle(house: House, asked: Asked) -> Reply:
    """The bundle that judges here, for an OPA that polls; it was compiled under the capabilities."""
    tag = f'"{house.policy_set.archive_sha256}"'
    if asked.headers.get("if-none-match") == tag:
        return Reply(b"", GZIP, 304, {"etag": tag})
    return Reply(house.policy_set.archive, GZIP, headers={"etag": tag})
