"""The rings of modules, from the inside out, and what each may import: read by test_imports.py and `make coverage`."""

from __future__ import annotations

from typing import NamedTuple

FACTS = ("text", "names", "passwords", "event", "request", "rights", "times", "filters")
"""May import one another, and besides the standard library the tables of Unicode."""

HEART = (
    "seams",
    "witness",
    "turns",
    "page",
    "positions",
    "kept",
    "log",
    "recall",
    "journal",
    "connections",
    "bans",
    "rules",
    "door",
    "room",
    "account",
    "opened",
    "directory",
    "attempts",
    "inbox",
    "connection",
    "person",
    "device",
    "naming",
    "tidy",
    "settings",
    "chat",
    "admission",
    "table",
    "intake",
    "patience",
    "order",
    "answers",
    "retelling",
    "reading",
    "speaking",
    "granting",
    "session",
    "asking",
    "accounts",
    "joining",
    "welcome",
    "entering",
    "whom",
    "moderating",
    "banning",
    "appointing",
    "telling",
    "talking",
    "amending",
    "commands",
)
"""In this order: each may import the facts and those before it."""

SHARED = ("wire.words", "wire.fields")
"""What formats say in; of one another they know nothing."""

EDGES = ("console", "options", "service", "operations", "tap", "client", "control")
"""May import everything; nothing further in imports them."""

OUTERMOST = ("tap", "client", "control")
"""Nothing at all imports these."""

TABLES = ("precis_i18n", "confusable_homoglyphs", "regex")
TWISTED_IN_HEART = ("twisted.internet.defer", "twisted.logger", "twisted.python.failure")
TWISTED = ("twisted", "zope.interface")
TLS = ("OpenSSL", "cryptography", "service_identity")  # what Twisted's TLS is made of: its errors reach us
SECURE = (
    "protocols.certificates",
    "protocols.handshake",
    "protocols.pem",
    "protocols.renewing",
)  # protocols with TLS of ours
SCREEN = ("prompt_toolkit", "wcwidth")
FIGURES = ("prometheus_client",)

OUTSIDE_WORLD = (
    "asyncio", "multiprocessing", "os", "pathlib", "select", "selectors", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time",
)  # fmt: skip
"""Of the standard library, what facts, heart and formats do not touch: clocks, files and threads are given to them."""

HARMLESS = ("time.gmtime", "time.strftime")
"""Of these, what only computes."""

COVERED = (*FACTS, *HEART[:-1], "commands/*", "wire/*")
"""Held at full branch coverage."""


class Ring(NamedTuple):
    ours: tuple[str, ...]
    """Modules and packages of chatroom it may import."""
    others: tuple[str, ...] = ()
    """What it may import that is neither ours nor of the standard library."""
    pure: bool = False
    """Whether the outside world is kept from it."""


def ring_of(module: str) -> Ring | None:
    """The ring of `wire.text`, say (the module's name without the package's); None for a module that stands in none."""
    package, _, _ = module.partition(".")
    if module in FACTS:
        return Ring(FACTS, TABLES, pure=True)
    if package in HEART:
        before = HEART[: HEART.index(package)]
        return Ring((*FACTS, *before, *([package] if package == "commands" else ())), TWISTED_IN_HEART, pure=True)
    if package in EDGES:
        figures = FIGURES if package == "operations" else ()
        return Ring(("",), (*TWISTED, *TLS, *SCREEN, *TABLES, *figures))
    match package:
        case "":  # chatroom/__init__.py: the version
            return Ring(())
        case "wire":
            return Ring((*FACTS, *(("wire",) if module == "wire" else SHARED)), pure=True)
        case "protocols":
            others = (*TWISTED, *TLS) if module in SECURE else TWISTED
            return Ring((*FACTS, "seams", "session", "chat", "table", "wire", "protocols"), others)
        case "storage":
            return Ring((*FACTS, "seams", "threads", "storage"), TWISTED)
        case "auth":
            return Ring((*FACTS, "seams", "threads", "auth"), (*TWISTED, "argon2"))
        case "threads":
            return Ring((), ("twisted",))
    return None


if __name__ == "__main__":
    print(",".join(f"chatroom/{name}.py" for name in COVERED))
