"""Addresses and names as far as a person may see them who only looks at a list."""

HIDDEN = "*****"
_SHORT = "***"


def masked_email(address: str) -> str:
    """ann@example.org as a***@e***.org."""
    name, _, domain = address.rpartition("@")
    host, dot, end = domain.rpartition(".")
    return f"{name[:1]}{_SHORT}@{host[:1]}{_SHORT}{dot}{end}" if name and host else _SHORT


def masked_phone(number: str) -> str:
    """+447911123412 as +4479*****12; less of a short number."""
    if len(number) >= 11:
        return f"{number[:5]}{HIDDEN}{number[-2:]}"
    return f"{number[:2]}{HIDDEN}" if len(number) >= 6 else HIDDEN


def masked_token(token: str) -> str:
    """The first letter of what a tool calls a device or an account by."""
    return f"{token[:1]}{_SHORT}" if len(token) > 1 else _SHORT


def initials(*names: str | None) -> str:
    """The first letters of names."""
    return " ".join(f"{name[0]}." for name in names if name)
