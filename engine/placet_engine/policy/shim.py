"""Started between Placet and OPA: ties OPA's life to its parent's, then becomes OPA.

Run as a script by `process`:  python -I -S shim.py PARENT_PID [NAME=VALUE ...] -- OPA [ARGUMENT ...]
It needs no more than the standard library, reads no environment variable, and hands OPA the
named ones only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(
    arguments: list[str], become: Callable[[str, list[str], dict[str, str]], NoReturn] = os.execve
) -> NoReturn:
    """Become OPA; the kernel kills it when the thread that started this process ends, for whatever reason."""
    parent = int(arguments[1])
    split = arguments.index("--")
    environment = dict(item.split("=", 1) for item in arguments[2:split])
    command = arguments[split + 1 :]
    tie_to(parent)
    try:
        become(command[0], command, environment)
    except OSError as error:
        sys.exit(f"OPA does not start: {error.strerror}")


def tie_to(parent: int) -> None:
    """From now on the kernel kills this process when the thread that started it ends, for whatever reason.

    Ends this process, with words, when that cannot be had or the parent is gone already. Not only for OPA: the
    workers of a service are tied by it, too.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"cannot be tied to the parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before the tie was made, and the signal was never sent
        sys.exit("the parent is gone")


if __name__ == "__main__":
    main(sys.argv)
