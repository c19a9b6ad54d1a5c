"""Which hosts are this machine: the one answer to where plain HTTP may lead."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether `host`, without brackets, is `localhost` or a loopback address. Other names are never looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
