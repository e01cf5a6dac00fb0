"""The file in which a person keeps what they would write on the command line each time."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from .certificate import fingerprint

THEMES = ("auto", "dark", "light")
"""Of the screen; the first is the default: the terminal is asked for its background."""

BELLS = ("mentions", "all", "off")
"""For what the bell rings; the first is the default."""


def path() -> str | None:
    """Where the file is, by the XDG base directory specification, for which a relative path counts as not set; None for a user
    without a home."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "chatroom", "config.toml") if os.path.isabs(base) else None


def read() -> dict[str, str]:
    """What stands in the file, which need not be there; raises ValueError, in words, for what cannot."""
    where = path()
    try:
        if where is None:
            return {}
        with open(where, "rb") as file:
            found = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ValueError(f"{where}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where}: not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: not TOML: {error}") from None
    try:
        chosen = {key: _value(key, value) for key, value in found.items()}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if "fingerprint" in chosen and "server" not in chosen:
        raise ValueError(f"{where}: fingerprint: it is that of the server, and there is no server")
    return chosen


def _value(key: str, value: object) -> str:
    if key not in KEYS:
        raise ValueError(f"{key}: there is no such key; {_meant(key, tuple(KEYS))}")
    if not isinstance(value, str):
        raise ValueError(f"{key}: it is to be a text, in quotes")
    try:
        return KEYS[key](value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _meant(word: str, ours: Sequence[str]) -> str:
    near = get_close_matches(word, ours, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(ours)}"


def _one_of(ours: Sequence[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in ours:
            raise ValueError(f"'{value}' is none; {_meant(value, ours)}")
        return value

    return check


def _word(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    return value


KEYS: dict[str, Callable[[str], str]] = {
    "server": _word,
    "nick": _word,
    "theme": _one_of(THEMES),
    "bell": _one_of(BELLS),
    "fingerprint": fingerprint,
}
"""What may stand there, and what reads its value."""
