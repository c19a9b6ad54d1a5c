"""schemathesis over the served OpenAPI document, with and without a token: no server error, nothing undocumented."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.api.http.serving import serving
from tests.api.projects import done

pytestmark = pytest.mark.xdist_group("http")

# The document says less than the parsers hold to (a digest's digits, a query's values): these two checks ask for more.
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"


def test_the_document_says_what_is_served(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    shutil.copytree(ready, folder)
    roles = [part for role in ("gate", "submitter", "auditor", "admin") for part in ("--role", role)]
    token = done("token", "new", "everybody@example.org", *roles, folder=folder).out.strip()
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    with serving(folder, PLACET_HTTP_RATE="100000") as service:
        for header in ([], ["--header", f"Authorization: Bearer {token}"]):
            ran = subprocess.run(
                [
                    *(str(program), "run", f"{service.url}/openapi.json", "--phases=coverage,fuzzing"),
                    *("--max-examples=3", f"--exclude-checks={LEFT_OUT}", "--no-color", *header),
                ],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
    assert done("log", "verify", folder=folder).code == 0
