"""Lineage: artifacts and the verified statements that tie them.

`reader.py` fetches and verifies, `graph.py` is the pure walk, `render.py` draws.
"""
