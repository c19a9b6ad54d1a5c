"""How Placet's wheel gets its OPA: a PEP 517 backend, and the steps behind it.

`backend` is what pip calls, `prepare` is the whole story top to bottom, and each step of it has a file:
`module` reads `engine/opa/`, `toolchain` finds a Go that fits, `compiler` runs it, `cache` keeps what it
made, and `shipped` says what else the wheel carries. Only the standard library is imported here (and
hatchling in `backend`), so that all of it runs in an empty environment.
"""
