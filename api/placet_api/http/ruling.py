"""Routes on what judges: rules, gates, the bundle as OPA fetches it."""

from __future__ import annotations

from placet_api.catalogue import document
from placet_api.http.asked import Asked, Reply, as_json
from placet_api.policy_bundles import ServedBundle
from placet_api.wiring import House

GZIP = "application/gzip"


def policies(house: House, asked: Asked) -> Reply:  # noqa: ARG001 - the shape of every route
    """Which policy set judges, the gates it knows, and which set is published: another one while OPA fetches it."""
    policy = house.policy_set
    gates = policy.settings().get("gates")
    return as_json(
        {
            "revision": policy.revision,
            "archive": policy.archive_sha256,
            "anchors": {**house.anchors.as_json(), "digest": house.anchors.digest},
            "gates": gates,
            "published": _published(house).revision,
        }
    )


def rules(house: House, asked: Asked) -> Reply:  # noqa: ARG001 - the shape of every route
    """The rules with their words, the gates that ask them, the control matrix."""
    return as_json(document(house.project))


def bundle(house: House, asked: Asked) -> Reply:
    """The bundle for an OPA that polls, compiled under the capabilities: what judges here, or is about to."""
    found = _published(house)
    # OPA may send the tags of bundles that it had before, too (polling.superseded_etag_ttl_seconds).
    known = {tag.strip().removeprefix("W/") for tag in asked.headers.get("if-none-match", "").split(",")}
    if found.etag in known:
        return Reply(b"", GZIP, 304, {"etag": found.etag})
    return Reply(found.data, GZIP, headers={"etag": found.etag})


def _published(house: House) -> ServedBundle:
    if house.published is None:
        raise AssertionError("a service publishes what it judges by")
    return house.published
