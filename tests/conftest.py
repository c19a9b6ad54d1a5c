"""What holds for every test: no deadline that depends on the machine, and in CI no test is skipped."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

IN_CI = bool(os.environ.get("CI"))

# A shared machine is slow at times, and that is no failure. CI runs the same examples each time.
settings.register_profile("placet", deadline=None, derandomize=IN_CI, print_blob=True)
settings.load_profile("placet")


_LONGEST_ID = 60


def pytest_make_parametrize_id(val: object) -> str | None:
    """A short name for what is long: names go into the environment, where a megabyte lets no process start.

    Long bytes have none but their place: they hold keys of one run, and workers must collect the same tests.
    """
    if not isinstance(val, str | bytes) or len(val) <= _LONGEST_ID:
        return None
    if isinstance(val, bytes):
        return "bytes"
    shown = ascii(val[:_LONGEST_ID])
    return f"{shown[:_LONGEST_ID]}... of {len(val)}"


def _skipped(config: pytest.Config) -> int:
    """How many tests the session's reporter saw skipped; 0 in a worker, which has no say."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if reporter is not None else 0


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if IN_CI and session.exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _conformance(reporter: pytest.TerminalReporter) -> list[str]:
    """What tests said by `record_property("conformance", line)`: it comes back from workers, prints do not."""
    reports = [report for report in reporter.stats.get("passed", []) if report.when == "call"]
    return [
        str(value)
        for report in sorted(reports, key=lambda report: str(report.nodeid))
        for name, value in report.user_properties
        if name == "conformance"
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := _conformance(terminalreporter):
        terminalreporter.section("conformance")
        for line in lines:
            terminalreporter.write_line(line)
    if IN_CI and (count := _skipped(config)):
        terminalreporter.section("skipped in CI", red=True)
        terminalreporter.write_line(f"{count} skipped: in CI every test must run, so this fails.", red=True)
