from __future__ import annotations

import pytest

from placet_engine.policy.archive import PolicyFile
from placet_engine.policy.source_lint import lint_sources


def lint(source: str) -> list[str]:
    return lint_sources([PolicyFile("placet/a.rego", source.encode())])


@pytest.mark.parametrize(
    "source",
    [
        'x := time.clock([ns, "UTC"])',
        'x := time.clock([ns, "Etc/UTC"])',
        'x := time.format([ns, "UTC", "2006-01-02T15:04:05Z07:00"])',
        'x := time.format([ns, "UTC", "RFC3339"])',
        'x := time.parse_ns("2006-01-02", input.day)',
        '# time.clock([ns, "Europe/Berlin"])',
        'x := "Europe/Berlin"',
        'x := "time.clock([ns, \\"Europe/Berlin\\"])"',
        'x := `time.clock([ns, "Europe/Berlin"])`',
        'x := sprintf("%s has %d of %5.2f%%", [a, f(b, c), [d, e][0]])',
        'x := sprintf("plain", [])',
        'x := sprintf("%v", [a,])',
        'x := sprintf("%s and %s", values)',
        'x := sprintf("%s and %s", [a] + more)',
        'x := sprintf("%s and %s", array.concat([a], [b]))',
        'x := sprintf("%[1]s and %[1]s", [a])',
        'x := sprintf("%*d", [3, 4])',
        "x := sprintf(text, [a])",
        "x := sprintf(`%s`, [{1, 2}])",
        'x := sprintf("%s", [a',
        "",
    ],
)
def test_sources_without_a_fault(source: str) -> None:
    assert lint(source) == []


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Local", "EST", "CEST", "EST5EDT", "Etc/GMT+5"],
)
def test_a_zone_other_than_utc_is_named_with_its_line(zone: str) -> None:
    assert lint(f'package a\n\nx := time.date([time.f(1),\n "{zone}"])') == [
        f"placet/a.rego:4: time zone {zone!r}; only UTC gives the same answer everywhere"
    ]


@pytest.mark.parametrize(
    ("call", "verbs", "values"),
    [
        ('sprintf("%s and %s", [a])', 2, 1),
        ('sprintf("%s", [a, {"k": 1, "l": 2}])', 1, 2),
        ('sprintf("none", [a])', 0, 1),
        ('sprintf("%d%%", [])', 1, 0),
    ],
)
def test_a_sprintf_that_does_not_fit_is_named(call: str, verbs: int, values: int) -> None:
    assert lint(f"# first\nx := {call}") == [
        f"placet/a.rego:2: sprintf has {verbs} verbs and {values} values"
    ]


def test_only_rego_is_looked_at() -> None:
    assert lint_sources([PolicyFile("placet/data.json", b'time.clock(["Europe/Berlin"])')]) == []
