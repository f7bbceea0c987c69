"""Internet addresses as exchanges list them: single ones, ranges, and IPv6 in whichever form. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


def missing_addresses(allowed: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Which of our addresses no entry of a key's own list allows; an entry that is neither address nor range counts as text."""
    return [address for address in ours if not any(_allows(entry, address) for entry in allowed)]


def _allows(entry: str, address: str) -> bool:
    network = _network(entry)
    return entry == address if network is None else ip_address(address) in network


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry.strip(), strict=False)  # a range may be written with host bits
    except ValueError:
        return None
