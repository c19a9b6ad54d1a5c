"""Certificates: whom they name, who vouches for them, at what time."""
