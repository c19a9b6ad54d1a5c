from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import MalformedError
from placet_attestations.times import format_time, parse_date, parse_time

AWARE = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone itself
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(AWARE)
def test_what_is_written_is_read_as_the_same_instant(instant: datetime) -> None:
    text = format_time(instant)
    assert text.endswith("Z")
    assert parse_time(text) == instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T21:30:00Z", "2026-11-23T21:30:00Z"),
        ("2026-11-23t21:30:00z", "2026-11-23T21:30:00Z"),
        ("2026-11-23T23:30:00+02:00", "2026-11-23T21:30:00Z"),
        ("2026-11-23T21:30:00.5Z", "2026-11-23T21:30:00.500000Z"),
        ("2026-11-23T21:30:00.123456789Z", "2026-11-23T21:30:00.123456Z"),
    ],
)
def test_rfc_3339_times_become_utc(text: str, expected: str) -> None:
    parsed = parse_time(text)
    assert parsed.tzinfo is UTC
    assert format_time(parsed) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T21:30:00",
        "2026-11-23 21:30:00Z",
        "2026-11-23T21:30Z",
        "2026-11-23T21:30:60Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T21:30:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "2026-11-23T21:30:00Z\n",
        "٢٠٢٦-11-23T21:30:00Z",
        "x" * 1000,
    ],
)
def test_other_texts_are_not_times(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_time(text)
    assert caught.value.code == "time.syntax"
    assert len(caught.value.message) < 100


def test_a_date_is_its_first_instant() -> None:
    assert parse_date("2026-01-01") == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-1-1", "20260101", "2026-11-23T00:00:00Z"])
def test_other_texts_are_not_dates(text: str) -> None:
    with pytest.raises(MalformedError, match="is not a time"):
        parse_date(text)


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(MalformedError):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001  # the naive datetime is the point
