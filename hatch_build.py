"""The wheel's build hook: it adds the compiled OPA, its licences and the shipped policy set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
# A frontend that calls hatchling without PEP 517 (`hatchling build`) has not read `backend-path`.
if str(ROOT / "build_backend") not in sys.path:
    sys.path.insert(0, str(ROOT / "build_backend"))

from placet_build.prepare import prepare  # noqa: E402  (only importable after the line above)
from placet_build.shipped import policy_files, wheel_tag  # noqa: E402

LICENCES = "share/licenses/placet-opa"


class OpaBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own generic has no public argument
    """Called by hatchling once for each wheel, editable ones included."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what goes into the wheel beside the packages; compiles OPA when it is not cached yet."""
        opa = prepare()
        build_data["pure_python"] = False
        build_data["tag"] = wheel_tag()
        build_data["shared_scripts"][str(opa.binary)] = "placet-opa"
        build_data["shared_data"][str(opa.licence)] = f"{LICENCES}/LICENSE"
        build_data["shared_data"][str(opa.third_party)] = f"{LICENCES}/THIRD_PARTY_LICENSES"
        # An editable install reads the policy set from the checkout.
        if version == "standard":
            for name, path in policy_files(ROOT / "policies").items():
                build_data["force_include"][str(path)] = f"placet_policies/{name}"
