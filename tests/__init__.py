from __future__ import annotations

import sys
from pathlib import Path

# pytest sets this path itself; `python -m tests.kubernetes.binaries` and the like have nobody else to do it.
_BUILD_BACKEND = str(Path(__file__).resolve().parents[1] / "build_backend")
if _BUILD_BACKEND not in sys.path:
    sys.path.append(_BUILD_BACKEND)
