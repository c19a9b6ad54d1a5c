"""Sigstore bundles: read, and verified by certificate, key, log, time stamp. `sigstore_verify.py` lists the steps."""
