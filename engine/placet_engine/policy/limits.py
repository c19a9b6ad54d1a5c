"""How much this part of the engine takes in or waits for, each number with its reason. Sizes in bytes, times
in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """Bounds on policy sets, on OPA and on what it answers."""

    max_policy_files: int = 4096  # files of one policy set; the shipped one has a few dozen
    max_policy_file_bytes: int = 4 * MIB  # one Rego or data file
    max_policy_bytes: int = 32 * MIB  # a policy set altogether; OPA needs about twenty times its data
    max_policy_depth: int = 32  # nested folders
    max_ignored: int = 1000  # names of ignored files that are listed
    max_input_bytes: int = 32 * MIB  # body of one question; OPA is started with the same bound
    max_answer_bytes: int = 32 * MIB  # body of one answer; 80 checks over 1,000 artifacts make 2 MB
    max_answer_depth: int = 32  # nesting of an answer; the agreed shape has 6
    max_refusal_text: int = 2000  # characters kept of OPA's words when it refuses
    max_opa_output: int = 64 * KIB  # what is kept of the child's last words
    tool_timeout: float = 120.0  # one `opa build`, `check` or `inspect`; seconds even on a loaded machine
    start_timeout: float = 30.0  # until a child must be ready; 30 ms on a quiet machine
    first_backoff: float = 0.02  # pause before the second restart in a row; doubled each time
    max_backoff: float = 0.5  # longest pause between restarts: 6 % of a core for one that never comes up
    steady_after: float = 1.0  # a child that lived this long starts the backoff afresh
    probe_timeout: float = 2.0  # a child that answers no health probe in this time is replaced


DEFAULT_POLICY_LIMITS = PolicyLimits()
