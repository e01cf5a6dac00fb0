"""Imports point inward: rings.py says what each module may import, this holds it there."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .rings import HARMLESS, OUTERMOST, OUTSIDE_WORLD, ring_of

PACKAGE = Path(__file__).parent.parent / "chatroom"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imported(source: str, file: str) -> Iterator[tuple[int, str]]:
    """Every name that a file of ours imports, wherever in it, with its line; those of ours begin with `chatroom`."""
    here = ("chatroom", *Path(file).parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(package == "" or name == package or name.startswith(package + ".") for package in packages)


def faults(source: str, file: str) -> list[str]:
    """What this file imports and must not, in words."""
    module = ".".join(Path(file).with_suffix("").parts).removesuffix("__init__").rstrip(".")
    ring = ring_of(module)
    if ring is None:
        return [f"{file} stands in no ring: give it its place in tests/rings.py"]
    bad = []
    for line, name in imported(source, file):
        top, _, inner = name.partition(".")
        if top == "chatroom":
            too_far = within(inner, OUTERMOST) and inner.partition(".")[0] != module.partition(".")[0]
            fine = inner == "__version__" or (within(inner, ring.ours) and not too_far)
        elif top in sys.stdlib_module_names:
            fine = not (ring.pure and within(name, OUTSIDE_WORLD)) or name in HARMLESS
        else:
            fine = within(name, ring.others)
        if not fine:
            bad.append(f"{file}:{line} imports {name}")
    return bad


@pytest.mark.parametrize("file", MODULES)
def test_a_module_imports_only_what_stands_further_in(file: str) -> None:
    assert faults((PACKAGE / file).read_text("utf-8"), file) == []


def test_the_plugin_imports_nothing_of_ours() -> None:
    plugin = PACKAGE.parent / "twisted" / "plugins" / "chatroom_plugin.py"
    assert not [name for _, name in imported(plugin.read_text("utf-8"), "") if name.startswith(("chatroom", "OpenSSL"))]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("event.py", "import twisted"),
        ("event.py", "from twisted.internet.defer import Deferred"),
        ("names.py", "from .log import Log"),
        ("log.py", "from twisted.internet import reactor"),
        ("log.py", "from twisted.internet import defer, reactor"),
        ("log.py", "from .room import Room"),
        ("log.py", "from . import room"),
        ("log.py", "import chatroom.room"),
        ("log.py", "def later():\n    from chatroom.room import Room"),
        ("room.py", "import twisted.internet.protocol"),
        ("room.py", "from .storage.memory import Memory"),
        ("session.py", "from time import monotonic"),
        ("wire/text.py", "import time"),
        ("session.py", "from .wire import text"),
        ("chat.py", "from .session import Session"),
        ("chat.py", "from . import tap"),
        ("chat.py", "import attrs"),
        ("wire/text.py", "from ..session import Session"),
        ("wire/text.py", "from .. import log"),
        ("wire/text.py", "from . import irc"),
        ("wire/text.py", "import twisted"),
        ("protocols/line.py", "from ..log import Log"),
        ("protocols/line.py", "from ..storage import memory"),
        ("protocols/line.py", "from ..tap import Options"),
        ("storage/sqlite.py", "from ..room import Room"),
        ("storage/sqlite.py", "from ..chat import Chat"),
        ("client/__init__.py", "from ..tap import makeService"),
        ("options.py", "from .tap import makeService"),
        ("chat.py", "from .options import Options"),
        ("manager.py", ""),
    ],
)
def test_a_bad_import_is_found(file: str, source: str) -> None:
    assert len(faults(source, file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("names.py", "import unicodedata\nfrom precis_i18n import get_profile\nfrom .text import fold"),
        (
            "log.py",
            "from twisted.internet.defer import Deferred\nfrom twisted.internet import defer\nfrom .event import Entry",
        ),
        ("room.py", "from . import event, log\nfrom .log import Log"),
        ("wire/text.py", "from time import gmtime, strftime\nfrom ..event import Entry\nfrom .. import request"),
        ("wire/__init__.py", "from . import text"),
        (
            "protocols/line.py",
            "from zope.interface import implementer\nfrom ..wire.text import Text\nfrom .outlet import Outlet",
        ),
        (
            "storage/sqlite.py",
            "import os, sqlite3, threading\nfrom twisted.internet import reactor\nfrom ..seams import Storage",
        ),
        ("tap.py", "from . import __version__, chat, options, storage\nfrom .protocols.line import LineFactory"),
        ("client/screen.py", "from prompt_toolkit import Application\nfrom ..wire import json"),
    ],
)
def test_a_good_import_passes(file: str, source: str) -> None:
    assert faults(source, file) == []
