"""What two nested records do not share, in words."""

from typing import Any


def differences(there: Any, now: Any, prefix: str = "") -> list[str]:
    """Return one line for each value that two nested records do not share."""
    if isinstance(there, dict) and isinstance(now, dict):
        keys = sorted(there.keys() | now.keys())
        return [line for k in keys for line in differences(there.get(k), now.get(k), f"{prefix}{k}.")]
    if isinstance(there, list) and isinstance(now, list) and len(there) == len(now):
        pairs = enumerate(zip(there, now, strict=True))
        return [line for k, (old, new) in pairs for line in differences(old, new, f"{prefix}{k}.")]
    return [] if there == now else [f"{prefix.rstrip('.')}: {there!r} → {now!r}"]
