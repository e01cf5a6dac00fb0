"""What a person is asked before something can be said to the server: dialogues, each a generator of questions that is sent
the answers. Commands are said in words where they can be, since they are answered in words then. Pure: what asks is given.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

from ..request import Command

SHORTEST = 8
"""Characters of a password, as in passwords.py, whose tables would make each start slower."""


class Question(NamedTuple):
    """One of a dialogue."""

    words: str
    hidden: bool = False
    """Nobody is to see what is typed."""


Dialogue = Generator[Question, str, Command | None]
"""Ends in what is to be asked of the server; in None when the person would rather not."""

Decided = Callable[[Command | None], None]


def twice(words: str) -> Generator[Question, str, str]:
    """A new password, which is typed twice since it is not seen; empty when there is to be none."""
    asked = words
    while password := (yield Question(f"{asked} ({SHORTEST} characters or more; an empty line: none.)", hidden=True)):
        if len(password.strip()) < SHORTEST:  # the server would refuse it, and what is typed next would be said
            asked = f"A password has at least {SHORTEST} characters. {words}"
        elif (yield Question("The same once more?", hidden=True)) == password:
            return password
        else:
            asked = f"These were two passwords. {words}"
    return ""


def before(command: Command, nick: str, account: bool) -> Dialogue | None:
    """What the person is asked before a command, who is called `nick`, and may have an account; None for nothing."""
    match command.name, command.words.split():
        case "register", [] if not account:
            return _register(nick)
        case "login", [name] if not account:
            return _login(name)
        case "password", [] if account:
            return _password(nick)
        case "forget-me", [] if account:
            return _forget_me(nick)
        case (("add-account" | "set-password" as what), [name]):
            return _of_another(what, name)
    return None


def secret_of(command: Command) -> str:
    """The password that is ours once the server has done this."""
    match command.name:
        case "login":
            return command.words.partition(" ")[2].strip()
        case "register":
            return command.words
        case "password":
            return str((command.fields or {}).get("new", ""))
    return ""


def _register(nick: str) -> Dialogue:
    password = yield from twice(f"What is to be the password of {nick}?")
    return Command("register", password) if password else None


def _login(name: str) -> Dialogue:
    password = yield Question(f"What is the password of {name}? (An empty line: not now.)", hidden=True)
    return Command("login", f"{name} {password}") if password else None


def _password(nick: str) -> Dialogue:
    old = yield Question("What is the password now? (An empty line: nothing is changed.)", hidden=True)
    new = (yield from twice(f"What is to be the password of {nick}?")) if old else ""
    return Command("password", fields={"old": old, "new": new}) if new else None


def _forget_me(nick: str) -> Dialogue:
    words = (
        f"Your account goes for good, and what you said stays under another name. To go on, type just your name: {nick}"
    )
    return Command("forget-me", fields={"sure": True}) if (yield Question(words)) == nick else None


def _of_another(what: str, name: str) -> Dialogue:
    password = yield from twice(f"What is to be the password of {name}?")
    return Command(what, f"{name} {password}") if password else None


class Interview:
    """Leads one dialogue at a time."""

    def __init__(self, put: Callable[[Question | None], None]) -> None:
        """`put` asks the person a question, to which the next `answer` is; None: there are no more."""
        self._put = put
        self._dialogue: Dialogue | None = None
        self._decided: Decided | None = None

    @property
    def under_way(self) -> bool:
        return self._dialogue is not None

    def begin(self, dialogue: Dialogue, decided: Decided) -> None:
        self.end()
        self._dialogue, self._decided = dialogue, decided
        self._put(next(dialogue))

    def answer(self, text: str) -> None:
        dialogue, decided = self._dialogue, self._decided
        if dialogue is None or decided is None:
            return
        try:
            question = dialogue.send(text)
        except StopIteration as end:
            self.end()
            decided(end.value)
        else:
            self._put(question)

    def cancel(self) -> None:
        """There will be no answer."""
        decided = self._decided
        self.end()
        if decided is not None:
            decided(None)

    def end(self) -> None:
        """Nobody wants to know any more."""
        if self._dialogue is not None:
            self._dialogue.close()
            self._put(None)
        self._dialogue = self._decided = None
