"""The build: pins, toolchain, wheel, and the rules of the house that no linter knows."""
