"""The versions: Placet's own, and that of the one OPA it is tested with (`engine/opa/go.mod`, held by a test)."""

VERSION = "0.1.0"
OPA_VERSION = "1.22.2"
