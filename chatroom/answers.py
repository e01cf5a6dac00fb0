"""What only one connection is told: answers, refusals and questions, and that what was said is not saved or was said before.

Goes around the cursors: whoever asks and does not read must not fill the memory, so no more is asked. Knows the format and the
outlet; not what was asked for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from .chat import Chat
from .intake import Hold, Intake
from .order import Order
from .request import Answer, Command, Refused
from .seams import NotSaved, Outlet, Peer, Repeated, Source, Wire, not_saved


class Settling(Protocol):
    """What they said."""

    async def settled(self) -> None:
        """Until all of it has come back and was shown."""


class Told(Protocol):
    """Who is told."""

    chat: Chat
    console: bool
    ended: bool
    outlet: Outlet
    peer: Peer
    wire: Wire

    @property
    def nick(self) -> str:
        """Empty for who is nobody here."""

    @property
    def protocol(self) -> str:
        """By what they come, in words."""

    @property
    def speaking(self) -> Settling: ...

    @property
    def several(self) -> bool:
        """Whether they are in several rooms."""

    @property
    def nobody_reads(self) -> bool:
        """The connection is gone, or about to be."""

    def end(self) -> None:
        """No more input comes."""


class Answers:
    """Of one connection."""

    __slots__ = ("_hidden", "_intake", "_order", "_owed", "_source", "_to")

    def __init__(self, to: Told, intake: Intake, order: Order, source: Source) -> None:
        self._to = to
        self._intake = intake
        self._order = order
        self._source = source
        self._hidden = False
        """What is typed is not shown."""
        self._owed: list[Repeated] | None = None
        """What was said before, and is told once more when the outlet takes more."""

    def write(self, data: bytes) -> None:
        to = self._to
        if not data or to.nobody_reads:
            return
        to.outlet.write(data)
        if to.outlet.full:
            self._intake.hold(Hold.FULL)

    def tell(self, words: str) -> None:
        """What was not asked for."""
        self.write(self._to.wire.answer(Answer(words)))

    def refuse(self, refused: Refused, id: str = "") -> None:
        """What was asked under this id, if it had one, is not done."""
        self.write(self._refusal(refused, id))

    async def give(self, answering: Coroutine[Any, Any, Answer | None], command: Command) -> None:
        """What comes of what was asked, after all that was said before it."""
        await self._to.speaking.settled()
        if self._to.ended:  # meanwhile; what is lost without an end is still obeyed
            answering.close()
            return
        try:
            answer = await answering
            told = b"" if answer is None else self._to.wire.answer(answer, command)
        except Refused as refused:
            told = self._refusal(refused, command.id)
        self.hide(False)
        self.write(told)

    def _refusal(self, refused: Refused, id: str) -> bytes:
        self.witnessed(refused)
        return self._to.wire.refuse(refused, id)

    def witnessed(self, refused: Refused) -> None:
        """Something is not done, as they are told."""
        to = self._to
        if not to.console:  # to the server's owner it is an answer, and nothing that others look for
            to.chat.witness.refused(to.nick, to.peer.address, to.protocol, refused)

    async def refuse_in_order(self, refused: Refused, id: str = "") -> None:
        """The same, after all that was said before."""
        await self._to.speaking.settled()
        self.refuse(refused, id)

    # Questions

    async def ask(self, words: str, hidden: bool = False, what: str = "password", aside: str = "") -> str:
        """Ask a question; the next line is the answer, which is empty when there is none. Where that cannot be, it raises
        Refused: all had to be said at once. `what` tells programs which password is meant, `aside` is for people only."""
        asks = self._to.wire.asks
        if asks is None:
            if hidden:
                raise Refused("password_needed", words, {"asked": what})
            raise Refused("not_sure", words)
        self.hide(hidden)
        self.write(asks.ask(f"{words} {aside}".rstrip()))
        return await self._order.reply()

    def reply(self, line: bytes) -> None:
        """The answer to a question came."""
        asks = self._to.wire.asks
        answer = asks.reply(line) if asks else ""
        if answer is None:
            self._to.end()
        else:
            self._order.answer(answer)

    @property
    def over(self) -> bool:
        """Nobody answers any more."""
        return self._order.over

    def hide(self, hidden: bool) -> None:
        """What is typed from now on is not shown, or again: from question to question it stays as it is."""
        if hidden is not self._hidden:
            self._hidden = hidden
            self.write(self._source.hide(hidden))

    # What was said

    def outcome(self, outcome: NotSaved | Repeated, id: str = "") -> None:
        """What was said does not come back from the log: it was not saved, or had been said before."""
        if not isinstance(outcome, Repeated):
            self.refuse(not_saved("your line", outcome), id)
        elif self._to.outlet.full:  # a short request may have a long answer, and many of them one batch
            self._owed = [*(self._owed or ()), outcome]
            self._intake.hold(Hold.FULL)
        else:
            self._repeat(outcome)

    def drained(self) -> None:
        """The outlet takes more."""
        while self._owed and not self._to.outlet.full:
            self._repeat(self._owed.pop(0))
        if not self._to.outlet.full:
            self._intake.release(Hold.FULL)

    def _repeat(self, known: Repeated) -> None:
        self.write(b"".join(self._to.wire.recall(known.log, [known.entry], self._to.several)))
