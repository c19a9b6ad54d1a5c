"""The HTTP door: one running service over one house."""
