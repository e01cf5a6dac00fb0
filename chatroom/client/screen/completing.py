"""What Tab completes: commands, as the server has them, nicknames and rooms. Knows what is typed; not how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ...text import safe

ROOMS_AFTER = frozenset({"join", "leave", "room", "who", "close", "topic"})
"""Commands whose first word may be a room."""

NOBODY_AFTER = frozenset({"help", "nick", "rooms", "search", "history", "bell", "keys", "clear", "export", "register"})
"""Commands behind which no names are expected."""


class Known(Protocol):
    """Where the completer finds the names that there are at the moment."""

    @property
    def commands(self) -> Mapping[str, str]:
        """How each is used, in words, by its name."""

    @property
    def people(self) -> Iterable[str]:
        """Who is here, those who spoke last first."""

    @property
    def rooms(self) -> Iterable[str]: ...
    def refresh(self) -> None:
        """There may be other rooms by now: they are asked for, and known the next time."""


class Names(Completer):
    """The word before the cursor, made whole."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        before = document.current_line_before_cursor
        word = before[before.rfind(" ") + 1 :]
        begin = before[: len(before) - len(word)]
        for whole, meta in self._found(begin.strip(), word):
            shown = safe(whole)  # all these words are the server's
            yield Completion(shown, -len(word), display=shown.strip(), display_meta=safe(meta))

    def _found(self, before: str, word: str) -> Iterator[tuple[str, str]]:
        """`before`: what stands before the word."""
        known = self._known
        command = before[1:].lower() if before[:1] == "/" and " " not in before else ""
        if not before and word[:1] == "/" and word[:2] != "//":
            for name, usage in sorted(known.commands.items()):
                if name.startswith(word[1:].lower()):
                    yield f"/{name} ", usage.removeprefix(f"/{name}").strip()
        elif before == "/server":
            for name in sorted(known.commands):
                if name.startswith(f"server {word.lower()}"):
                    yield f"{name.removeprefix('server ')} ", ""
        elif not before and word[:1] == "#":
            known.refresh()
            for room in _fitting(known.rooms, word[1:]):
                yield f"#{room} ", ""
        elif command in ROOMS_AFTER:
            known.refresh()
            for room in _fitting(known.rooms, word.removeprefix("#")):
                yield f"{room} ", ""
        elif command == "help":
            for name in sorted(known.commands):
                if name.startswith(word.lower()):
                    yield f"{name} ", ""
        elif word[:1] == "#":
            for room in _fitting(known.rooms, word[1:]):
                yield f"#{room} ", ""
        elif (word or before[:1] == "/") and not (before[:1] == "/" and command_of(before) in NOBODY_AFTER):
            at = word[: word.startswith("@")]
            for nick in _fitting(known.people, word.removeprefix("@")):
                yield f"{at}{nick} " if before else f"{at}{nick}: ", ""


def command_of(before: str) -> str:
    return before[1:].split(" ")[0].lower()


def _fitting(names: Iterable[str], word: str) -> list[str]:
    word = word.casefold()
    return [name for name in names if name.casefold().startswith(word)]
