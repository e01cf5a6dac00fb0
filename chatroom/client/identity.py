"""Who we are to the server, and how we come in: what our hello says, and what becomes of it when it is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from ..request import Command
from .questions import Dialogue, Question, twice

NICKS_TRIED = 50
"""Numbers put behind a nickname that is taken, until we give up: so many of one name are a mistake."""

NICK_LONGEST = 32
"""As in names.py, whose tables would take 70 ms of each start."""

ANOTHER = "What nickname would you like?"

OURS = Command("hello")
"""What a dialogue ends in, where our hello says all."""


class Then(Enum):
    """What to do when the hello was refused, where the person need not be asked."""

    AGAIN = "say hello again, as who we are now"
    TOLD = "the same, and tell why"
    LATER = "it may be possible another time"
    NEVER = "we cannot come in"


class Identity:
    """Our side of being somebody there."""

    def __init__(self, nick: str, instead: str = "", password: str = "", server_password: str = "") -> None:
        """`instead`: the nickname to have when that one cannot be any."""
        self.nick = nick
        self.account = False
        """Whether the nickname is our own."""
        self.token = ""
        """With it we come back after a lost connection."""
        self.password = password
        """Kept, since we may have to come in again."""
        self.names = {nick}
        """Nicknames under which our own words may come back: while we catch up, also the one we had."""
        self.had = {nick}
        """All nicknames that were ours."""
        self._server_password = server_password
        self._wanted = nick
        self._instead = instead
        self._chosen = False
        """The person said that nickname when they were asked."""
        self._tried = 1
        self._registering = ""
        self._said: dict[str, str] = {}

    def hello(self) -> dict[str, Any]:
        self._said = self._now()
        return dict(self._said)

    def _now(self) -> dict[str, str]:
        if self.token:
            return {"resume": self.token}
        if self.password:
            return {"nick": self.nick, "password": self.password}
        if self._server_password:
            return {"nick": self.nick, "server_password": self._server_password}
        return {"nick": self.nick}

    def welcomed(self, nick: str, token: str, account: bool) -> None:
        self.nick, self.token, self.account = nick, token, account
        self.names.add(nick)
        self.had.add(nick)
        self._chosen = False
        if account:
            self._wanted = nick
        if account and self._registering:
            self.password, self._registering = self._registering, ""

    def renamed(self, new: str) -> None:
        self.names.discard(self.nick)
        self.names.add(new)
        self.had.add(new)
        self.nick = new

    def own(self, password: str) -> None:
        """The nickname is our own now, or has another password."""
        self.account = True
        self.password = password

    def let_go(self) -> None:
        """Who we were is not here any more, and its password is another."""
        self.token = self.password = ""

    def refused(self, refused: Mapping[str, Any], entered: bool) -> Then | Dialogue:
        """Our hello was. `entered`: we were in before."""
        if self._said != self._now():  # the person has answered meanwhile
            return Then.AGAIN
        words = str(refused["words"])
        match refused["code"]:
            case "resume_unknown" if self.token:
                self.token = ""
                return Then.AGAIN
            case "nick_invalid" | "nick_reserved" if self._instead:
                self._be(self._instead)
                self._instead = ""
                return Then.AGAIN
            case "nick_invalid" | "nick_reserved" | "nick_taken" if self._chosen:
                return self._ask_nickname(f"{words}. {ANOTHER}")
            case "nick_taken" if not self.password and self._tried < NICKS_TRIED:
                return self._number()
            case "password_needed":
                return self._unknown(str(refused.get("asked", "password")), words, entered)
            case "login_failed":
                self.password = ""
                return self._ask_password(
                    f"{words}; what is the password of {self.nick}? (An empty line: another nickname.)"
                )
            case "password_wrong":
                self._server_password = ""
                return self._ask_server_password("That is not the server's password; what is it?")
            case "password_weak" | "password_invalid" if self._registering:
                self._registering = ""
                return self._ask_new_password(f"{words}; what is to be the password of {self.nick}?")
            case "plaintext_password" | "registration_closed" | "operator_name" | "banned":
                return Then.NEVER
        return Then.LATER

    def _unknown(self, asked: str, words: str, entered: bool) -> Then | Dialogue:
        match asked:
            case "server_password":
                return self._ask_server_password(words)
            case "new_password":
                return self._ask_new_password(words)
        ours = self.account or self._chosen or not entered
        if (self._tried > 1 or not ours) and self._tried < NICKS_TRIED:
            self._number()
            return Then.AGAIN
        return self._ask_password(f"{words} (An empty line: another nickname.)")

    def _number(self) -> Then:
        self._tried += 1
        number = str(self._tried)
        self.nick = self._wanted[: NICK_LONGEST - len(number)] + number
        return Then.TOLD

    def _be(self, nick: str) -> None:
        """Come in as somebody else."""
        self.nick = self._wanted = nick
        self.account = False
        self.token = self.password = ""
        self._tried = 1

    # What the person is asked

    def _ask_password(self, words: str) -> Dialogue:
        password = yield Question(words, hidden=True)
        if not password:
            return (yield from self._ask_nickname(ANOTHER))
        self.password = password
        return OURS

    def _ask_nickname(self, words: str) -> Dialogue:
        nick = yield Question(words)
        if not nick:
            return None
        self._be(nick)
        self._chosen = True
        return OURS

    def _ask_server_password(self, words: str) -> Dialogue:
        password = yield Question(words, hidden=True)
        if not password:
            return None
        self._server_password = password
        return OURS

    def _ask_new_password(self, words: str) -> Dialogue:
        self._registering = yield from twice(words)
        if not self._registering:
            return None
        return Command("register", fields={"nick": self.nick, "password": self._registering})
