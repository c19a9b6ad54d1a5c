"""Placet as a client: the same verbs, asked of a Placet service over HTTPS."""
