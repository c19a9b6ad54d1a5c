from __future__ import annotations

import json
from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.binary import Binary
from placet_engine.policy.capabilities import (
    Capabilities,
    capabilities_drift,
    generate,
    load_capabilities,
    write_capabilities,
)
from placet_engine.policy.tool import run

FORBIDDEN = {
    "http.send",
    "opa.runtime",
    "time.now_ns",
    "rand.intn",
    "uuid.rfc4122",
    "net.lookup_ip_addr",
    "json.match_schema",
    "json.verify_schema",
    "io.jwt.decode_verify",
    "crypto.x509.parse_and_verify_certificates",
    "crypto.x509.parse_and_verify_certificates_with_options",
}


def test_nothing_that_depends_on_more_than_arguments_is_left(capabilities: Capabilities, opa: Binary) -> None:
    mine = {builtin["name"] for builtin in json.loads(capabilities.path.read_bytes())["builtins"]}
    whole = json.loads(run(opa, ["capabilities", "--current"], folder=Path("/")))
    flagged = {builtin["name"] for builtin in whole["builtins"] if builtin.get("nondeterministic")}
    assert not mine & (FORBIDDEN | flagged)
    assert mine >= {"sprintf", "time.parse_rfc3339_ns", "graph.reachable", "rego.metadata.chain"}
    assert json.loads(capabilities.path.read_bytes())["allow_net"] == []


def test_the_file_is_the_same_each_time_and_a_builtin_a_line(opa: Binary, tmp_path: Path) -> None:
    path = tmp_path / "capabilities.json"
    assert capabilities_drift(path, opa)
    write_capabilities(path, opa)
    assert path.read_bytes() == generate(opa)
    assert not capabilities_drift(path, opa)
    assert b"description" not in path.read_bytes()
    path.write_bytes(path.read_bytes() + b" ")
    assert capabilities_drift(path, opa)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"builtins": [{}]}', '{"builtins": [3]}'])
def test_what_is_no_capabilities_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "capabilities.json"
    path.write_text(text)
    for where in (path, tmp_path / "absent.json"):
        with pytest.raises(PolicyError, match="not a capabilities file") as caught:
            load_capabilities(where)
        assert caught.value.code == "policy.capabilities"


@pytest.mark.parametrize(
    "builtin",
    [
        {"name": "http.send"},
        {"name": "crypto.x509.parse_and_verify_certificates"},
        {"name": "new.one", "nondeterministic": True},
    ],
)
def test_capabilities_that_allow_too_much_are_refused(tmp_path: Path, builtin: dict[str, object]) -> None:
    path = tmp_path / "capabilities.json"
    path.write_text(json.dumps({"builtins": [{"name": "abs"}, builtin]}))
    with pytest.raises(PolicyError, match=str(builtin["name"])) as caught:
        load_capabilities(path)
    assert caught.value.code == "policy.capabilities"
