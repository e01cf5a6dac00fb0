"""/delete and /edit: what was said is read otherwise, by everybody and everywhere, and in every file. Whatever one speaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatroom.amending import DELETED_MOST, EDITING, LOOKED_BACK
from chatroom.event import Entry, Kind, Position, Sort
from chatroom.names import nickname
from chatroom.seams import Hit, NotSaved
from chatroom.tidy import TIDY_AGAIN

from .again import again
from .chatting import DISK_FULL, FailingStorage, JsonClient, Shown, SlowStorage, World
from .support import LoggedErrors
from .test_moderation import HOME, Asking, Typing, come, do, hush, log_in, news, refused, said
from .test_resume import Disk, DiskWorld, code, token

# Both formats in the same words


class Person(Typing):
    """A person, for whom history has no times."""

    def _shown(self) -> list[Shown]:
        return [("told", re.sub(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d\]", "[then]", line)) for line in self.lines()]


class Program(Asking):
    """A program, of which what it is told of messages is read as a person would be told it, but for its own words."""

    def _lines(self, told: dict[str, Any]) -> Iterator[str]:
        match told:
            case {"event": "said" | "did" as kind, "nick": nick, "text": text} if (
                "history" in told or nick != self._nick
            ):
                words = "(removed)" if "removed" in told else f"{text} (edited)" if "edited" in told else text
                yield f"{'[then] ' if 'history' in told else ''}{f'* {nick} ' if kind == 'did' else f'{nick}: '}{words}"
            case {"event": "edited", "nick": nick, "text": text}:
                if "removed" not in told:
                    yield f"* {nick} corrects: {text}"
            case {"event": "deleted", "nick": nick, "whom": whom, "of": eids}:
                what = "a message" if len(eids) == 1 else f"{len(eids)} messages"
                yield f"* {nick} removed {what}{'' if nick == whom else f' of {whom}'}"
            case {"exported": _}:
                return
            case _:
                yield from super()._lines(told)


FORMATS = {"text": Person, "json": Program}
SCHEMES = ["memory", "sqlite"]


# Storages


class Files(Disk):
    """The same, where one can look for words, and have them forgotten."""

    def search(self, logs: Collection[str], words: Sequence[str], **wanted: Any) -> Deferred[list[Hit]]:
        return self._watched(self._storage.search(logs, words, **wanted))

    def written(self, by: str, **wanted: Any) -> Deferred[list[Hit]]:
        return self._watched(self._storage.written(by, **wanted))

    def place(self, log: str, time: int) -> Deferred[Position]:
        return self._watched(self._storage.place(log, time))

    def blank(self, detail: str, **of: Any) -> Deferred[None]:
        return self._watched(self._storage.blank(detail, **of))

    def fade(self, detail: str, time: int) -> Deferred[None]:
        return self._watched(self._storage.fade(detail, time))

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        return self._watched(self._storage.expire(time, sort))

    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Deferred[None]:
        return self._watched(self._storage.amend(log, texts))


class Town:
    """A server that starts again on what it left behind."""

    world: World

    def __init__(self, scheme: str, where: Path, client: Any, **more: Any) -> None:
        self._where = where if scheme == "sqlite" else None
        self._client = client
        self._settings: dict[str, Any] = {"grace": 0, "registrations_an_hour": 0, "logins_of_address_a_minute": 0}
        self._settings |= {"operators": [nickname("root")]} | more
        self._starts = 0
        if self._where:
            self._start()
        else:
            self.world = World(client, **self._settings)

    def _start(self, seconds: float = 0, **more: Any) -> None:
        assert self._where
        self._starts += 1
        clock = Clock()
        clock.advance(seconds)
        self.world = DiskWorld(
            self._client,
            storage=Files(self._where / "chat.db"),
            clock=clock,
            stamp=f"n{self._starts}.",
            **{**self._settings, **more},
        )

    def restart(self, **more: Any) -> World:
        """Killed, as far as the chat knows; what was committed is there."""
        if self._where:
            self.world.storage.close()
            self._start(self.world.clock.seconds(), **more)
        else:
            self.world = again(self.world, **{**self._settings, **more})
        return self.world

    def holds(self, words: str) -> bool:
        """Whether they are anywhere in the store."""
        if self._where is None:
            storage: Any = self.world.storage
            return words in repr((storage._logs, storage._firsts))
        return any(words.encode() in path.read_bytes() for path in sorted(self._where.iterdir()) if path.is_file())

    def entries(self, log: str = "#den") -> list[Entry]:
        found: list[Entry] = []
        self.world.storage.read(log, limit=1_000_000).addCallback(found.extend)
        self.world.settle()
        return found

    def close(self) -> None:
        self.world.storage.close()


@pytest.fixture(params=FORMATS)
def client(request: pytest.FixtureRequest) -> Any:
    return FORMATS[request.param]


@pytest.fixture(params=SCHEMES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Opens a server, which is closed after the test."""
    towns: list[Town] = []

    def opened(client: Any, **more: Any) -> Town:
        where = tmp_path / str(len(towns))
        where.mkdir()
        towns.append(Town(request.param, where, client, **more))
        return towns[-1]

    yield opened
    for town in towns:
        town.close()


@pytest.fixture
def town(opened: Callable[..., Town], client: Any) -> Town:
    return opened(client)


def say(person: Any, *texts: str) -> None:
    for text in texts:
        assert said(person, text) == ""


def company(world: World) -> tuple[Any, Any, Any]:
    """alice, whose the room is; bob, a guest; carol, who only looks on."""
    people = come(world, "alice", account=True), come(world, "bob", HOME), come(world, "carol")
    hush(*people)
    return people


def past(person: Any, asked: str = "history") -> list[str]:
    """What they are shown of what was said."""
    return [line.removeprefix("[then] ") for line in do(person, asked) if line.startswith("[then] ")]


def searched(person: Any, words: str) -> list[str]:
    """What they find, without where; the newest first."""
    return [line.removeprefix("#den ") for line in past(person, f"search {words}")]


def exported(person: Any) -> str:
    """All that they are sent when they take along what they said."""
    before = len(person.text())
    do(person, "export")
    text: str = person.text()[before:]
    return text


# /delete: the words go


def test_ones_own_last_words_go_and_all_are_told_that_they_were_removed(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "first words", "secret words")
    say(alice, "other words")
    hush(carol, alice)
    assert do(bob, "delete") == ["* bob removed a message", "* 1 message removed"]
    for other in (alice, carol):
        assert news(other) == ["* bob removed a message"]
        assert past(other) == ["bob: first words", "bob: (removed)", "alice: other words"]
    assert not town.holds("secret")


def test_they_are_gone_from_search_export_history_and_who_comes_later(town: Town) -> None:
    alice, bob, _ = company(town.world)
    say(bob, "a secret plan", "an open plan")
    assert searched(alice, "plan") == ["bob: an open plan", "bob: a secret plan"]
    do(bob, "delete")
    assert searched(alice, "plan") == ["bob: a secret plan"]
    do(bob, "delete")
    assert searched(alice, "plan") == searched(alice, "secret") == []
    assert do(alice, "search plan") == ["* nothing was found"]
    assert "plan" not in exported(bob)
    dave = town.world.connect()
    dave.enter("dave")
    assert [line for line in do(dave, "join den") if "plan" in line] == []
    assert [line.removeprefix("#den ") for line in past(dave)] == ["bob: (removed)", "bob: (removed)"]
    assert not town.holds("plan")


def test_what_one_did_is_removed_as_what_one_said(town: Town) -> None:
    _, bob, carol = company(town.world)
    bob.me("waves secretly")
    town.world.settle()
    do(bob, "delete")
    assert past(carol) == ["* bob (removed)"]
    assert not town.holds("secretly")


def test_twice_removes_the_one_before_and_then_there_is_nothing(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "one", "two")
    say(alice, "three")
    do(bob, "delete")
    do(bob, "delete")
    assert past(carol) == ["bob: (removed)", "bob: (removed)", "alice: three"]
    assert refused(bob, "delete") == "nothing of bob is to be removed in #den"
    assert refused(alice, "delete bob 5") == "nothing of bob is to be removed in #den"
    assert past(carol)[-1] == "alice: three"


def test_who_said_nothing_has_nothing_to_remove(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "mine")
    assert refused(carol, "delete") == "nothing of carol is to be removed in #den"
    assert past(carol) == ["bob: mine"]


def test_what_corrected_it_goes_with_it(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "first secret")
    do(bob, "edit second secret")
    do(bob, "edit third secret")
    do(bob, "delete")
    assert past(carol) == ["bob: (removed)"]
    assert searched(carol, "secret") == []
    assert "secret" not in exported(bob)
    assert not town.holds("secret")
    assert not [entry for entry in town.entries() if "secret" in entry.event.text]


def test_who_was_behind_reads_none_of_the_words(town: Town) -> None:
    alice, bob, carol = company(town.world)
    carol.stall()
    say(bob, "fills the pipe")
    say(bob, "a secret", "no secrets here")
    do(bob, "edit an open door")
    do(alice, "delete bob 2")
    carol.wake()
    assert news(carol) == [
        "bob: fills the pipe", "bob: (removed)", "bob: (removed)", "* alice removed 2 messages of bob",
    ]  # fmt: skip
    assert "secret" not in carol.text()


def test_who_comes_back_reads_none_of_them(opened: Callable[..., Town]) -> None:
    town = opened(Program, grace=60)
    _, bob, carol = company(town.world)
    say(bob, "hello")
    seen = token(carol), [told["position"] for told in carol.told() if told.get("room") == "den"][-1]
    carol.hang_up()
    say(bob, "a secret")
    do(bob, "delete")

    def resumed() -> list[dict[str, Any]]:
        again = town.world.connect(client=JsonClient)
        again.ask("hello", resume=seen[0], rooms={"den": {"after": seen[1]}})
        town.world.settle()
        return [told for told in again.told() if told.get("event") in ("said", "deleted")]

    for _ in range(2):
        message, deed = resumed()
        assert (message["text"], message["removed"], message["nick"]) == ("", True, "bob")
        assert (deed["of"], deed["nick"], deed["whom"]) == ([message["eid"]], "bob", "bob")
        town.restart(grace=60)


def test_that_it_was_removed_and_by_whom_stays_over_a_restart(town: Town) -> None:
    alice, bob, _ = company(town.world)
    say(bob, "a secret")
    do(alice, "delete bob")
    town.restart()
    alice = log_in(town.world, "alice")
    assert past(alice) == ["bob: (removed)"]
    assert do(alice, "audit")[-1].endswith("alice: deleted bob")
    (deed,) = [entry.event for entry in town.entries() if entry.event.kind is Kind.DELETED]
    assert (deed.nick, deed.details["name"]) == ("alice", "bob")
    (message,) = [entry.event for entry in town.entries() if entry.event.kind is Kind.SAID]
    assert deed.details["eids"] == [message.eid]
    assert (message.nick, message.text) == ("bob", "")


# /delete: exactly once, all the same


def test_what_was_removed_is_not_said_again_by_sending_it_again(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    _, bob, carol = company(town.world)
    bob.ask("say", "7", text="a secret")
    do(bob, "delete")
    hush(carol)
    for _ in range(2):
        bob.ask("say", "7", text="a secret")
        town.world.settle()
        known = bob.told()[-1]
        assert (known["event"], known["id"], known["text"], known["removed"]) == ("said", "7", "", True)
    assert news(carol) == []
    assert past(carol) == ["bob: (removed)"]
    assert not town.holds("a secret")


# /delete by moderators


def test_moderators_remove_the_last_of_somebody_and_nobody_elses(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "one", "two")
    say(carol, "mine")
    say(bob, "three")
    assert do(alice, "delete bob 2") == ["* alice removed 2 messages of bob", "* 2 messages removed"]
    assert past(alice) == ["bob: one", "bob: (removed)", "carol: mine", "bob: (removed)"]
    assert do(alice, "delete bob 9")[-1] == "* 1 message removed"
    assert past(alice) == ["bob: (removed)", "bob: (removed)", "carol: mine", "bob: (removed)"]
    assert not town.holds("three")


def test_only_moderators_remove_what_others_said(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "mine")
    assert refused(carol, "delete bob") == "only moderators of the room may do that"
    assert refused(carol, "delete nobody") == "only moderators of the room may do that"
    for count in (0, DELETED_MOST + 1):
        assert refused(alice, f"delete bob {count}") == f"from 1 to {DELETED_MOST} messages are removed at once"
    assert past(carol) == ["bob: mine"]


def test_the_words_of_who_has_left_are_removed_too(town: Town) -> None:
    alice, bob, carol = company(town.world)
    dave = come(town.world, "dave", account=True)
    say(bob, "of a guest")
    say(dave, "of an account")
    bob.quit()
    dave.quit()
    do(alice, "delete bob")
    do(alice, "delete dave")
    assert past(carol) == ["bob: (removed)", "dave: (removed)"]
    assert not town.holds("of a guest")
    assert not town.holds("of an account")


def test_who_takes_the_nickname_later_is_somebody_else(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "of the first")
    bob.quit()
    town.world.settle()
    other = come(town.world, "bob", HOME)
    assert refused(other, "delete") == "nothing of bob is to be removed in #den"
    say(other, "of the second")
    do(alice, "delete bob 5")
    assert past(carol) == ["bob: of the first", "bob: (removed)"]


def test_of_who_ranks_as_high_nothing_is_removed(town: Town) -> None:
    alice, _, carol = company(town.world)
    dave, eve = come(town.world, "dave", account=True), come(town.world, "eve", account=True)
    say(alice, "of the owner")
    say(eve, "of a moderator")
    do(alice, "op dave")
    do(alice, "op eve")
    assert refused(dave, "delete alice") == "alice is owner here, and you are moderator"
    assert refused(dave, "delete eve") == "eve is moderator here, and you are moderator"
    assert past(carol) == ["alice: of the owner", "eve: of a moderator"]
    assert do(alice, "delete eve")[-1] == "* 1 message removed"
    assert refused(eve, "delete eve") == "nothing of eve is to be removed in #den"


# By what it is called


def eids(town: Town) -> list[str]:
    return [entry.event.eid for entry in town.entries() if entry.event.kind is Kind.SAID]


def test_a_program_removes_its_own_by_its_eid_and_a_moderator_anybodys(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    alice, bob, carol = company(town.world)
    say(bob, "one", "two", "three")
    one, two, three = eids(town)
    carol.ask("delete", eid=two)
    town.world.settle()
    assert code(carol) == "moderator_needed"
    bob.ask("delete", eid=two)
    alice.ask("delete", eid=three)
    assert past(carol) == ["bob: one", "bob: (removed)", "bob: (removed)"]
    for person, eid in ((bob, two), (alice, three), (bob, three), (alice, "n1.none")):
        person.ask("delete", eid=eid)
        town.world.settle()
        assert code(person) == "no_message"
    say(alice, "mine")
    dave = come(town.world, "dave", account=True)
    do(alice, "op dave")
    dave.ask("delete", eid=eids(town)[-1])
    town.world.settle()
    assert code(dave) == "outranked"
    assert past(carol) == ["bob: one", "bob: (removed)", "bob: (removed)", "alice: mine"]
    assert one in eids(town)


def test_what_stands_elsewhere_is_refused_as_what_is_nowhere(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    alice, bob, carol = company(town.world)
    do(alice, "join private")
    do(alice, "private on")
    say(alice, "for few")
    (elsewhere,) = [entry.event.eid for entry in town.entries("#private") if entry.event.kind is Kind.SAID]
    say(bob, "for all")

    def answer(person: Any, **fields: str) -> dict[str, Any]:
        person.ask("delete", **fields)
        town.world.settle()
        told: dict[str, Any] = person.told()[-1]["refused"]
        return told

    assert answer(bob, eid=elsewhere) == answer(bob, eid="n1.none")
    assert answer(alice, eid=elsewhere, room="den") == answer(alice, eid="n1.none", room="den")
    there, nowhere = answer(carol, eid=elsewhere, room="private"), answer(carol, eid=elsewhere, room="nowhere")
    assert there["code"] == nowhere["code"] == "not_in_room"
    assert there["words"].replace("private", "") == nowhere["words"].replace("nowhere", "")
    assert [entry.event.text for entry in town.entries("#private") if entry.event.kind is Kind.SAID] == ["for few"]


def test_what_was_said_too_long_ago_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.amending.READ", LOOKED_BACK // 10)
    monkeypatch.setattr("chatroom.amending.LOOKED_BACK", LOOKED_BACK)
    world = World(Person, grace=0)
    alice, bob, _ = company(world)
    say(bob, "long ago")
    event = world.chat.event
    for _ in range(2):
        world.chat.journal.append(
            [("#den", event(Kind.SAID, "n0.1", "eve", str(n))) for n in range(LOOKED_BACK // 2)], lambda outcome: None
        )
        world.settle()
    assert refused(bob, "delete") == "nothing of bob is to be removed in #den"
    say(bob, "now")
    assert do(alice, "delete bob 2")[-1] == "* 1 message removed"


# /edit


def test_who_corrects_themselves_is_read_so_by_everybody_from_then_on(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "teh tea", "is redy")
    say(alice, "good")
    hush(carol, alice)
    assert do(bob, "edit is ready")[-1] == "* your message reads so now"
    for other in (alice, carol):
        assert news(other) == ["* bob corrects: is ready"]
        assert past(other) == ["bob: teh tea", "bob: is ready (edited)", "alice: good"]
    assert past(bob) == past(carol)
    town.restart()
    dave = come(town.world, "dave")
    assert past(dave) == ["bob: teh tea", "bob: is ready (edited)", "alice: good"]


def test_once_more_the_last_correction_counts(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "one")
    do(bob, "edit two")
    do(bob, "edit three")
    assert past(carol) == ["bob: three (edited)"]
    town.restart()
    assert past(come(town.world, "dave")) == ["bob: three (edited)"]


def test_the_new_words_are_found_and_the_old_ones_not(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "the kettle boils")
    assert searched(carol, "kettle") == ["bob: the kettle boils"]
    do(bob, "edit the teapot boils")
    assert searched(carol, "kettle") == []
    assert searched(carol, "teapot") == ["bob: the teapot boils (edited)"]
    assert '"the teapot boils"' in exported(bob)
    assert "kettle" not in exported(bob)


def test_what_one_did_is_corrected_too(town: Town) -> None:
    _, bob, carol = company(town.world)
    bob.me("wavse")
    town.world.settle()
    do(bob, "edit waves")
    assert past(carol) == ["* bob waves (edited)"]


def test_within_five_minutes_and_not_a_moment_later(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "one")
    town.world.after(EDITING / 1000 - 0.1)
    assert do(bob, "edit two")[-1] == "* your message reads so now"
    town.world.after(0.2)
    assert refused(bob, "edit three") == "your last message is older than 5 minutes"
    assert past(carol) == ["bob: two (edited)"]


def test_who_said_nothing_or_removed_all_corrects_nothing(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(carol, "mine")
    assert refused(bob, "edit yours") == "you have said nothing in #den that could be corrected"
    say(bob, "one")
    do(bob, "delete")
    assert refused(bob, "edit two") == "you have said nothing in #den that could be corrected"
    assert past(carol) == ["carol: mine", "bob: (removed)"]


def test_ones_other_device_reads_it(town: Town) -> None:
    alice, *_ = company(town.world)
    other = log_in(town.world, "alice")
    say(alice, "one")
    hush(other)
    do(other, "edit two")
    assert "* alice corrects: two" in news(alice)
    assert past(alice) == past(other) == ["alice: two (edited)"]
    do(alice, "edit three")
    assert "* alice corrects: three" in news(other)
    assert past(other) == ["alice: three (edited)"]


def test_who_was_behind_reads_the_corrected_words_only(town: Town) -> None:
    _, bob, carol = company(town.world)
    carol.stall()
    say(bob, "fills the pipe")
    say(bob, "mistaken")
    do(bob, "edit right")
    carol.wake()
    assert news(carol) == ["bob: fills the pipe", "bob: right (edited)", "* bob corrects: right"]
    assert "mistaken" not in carol.text()


def test_several_lines_are_corrected_as_one_message(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    _, bob, carol = company(town.world)
    say(bob, "one")
    bob.ask("edit", text="one\ntwo")
    town.world.settle()
    carol.ask("history")
    town.world.settle()
    (message,) = [told for told in carol.told() if "history" in told]
    assert (message["text"], message["edited"]) == ("one\ntwo", True)


# What keeps one from talking keeps one from correcting


def test_a_slow_room_is_slow_for_corrections_too(town: Town) -> None:
    alice, bob, carol = company(town.world)
    do(alice, "slow 60")
    say(bob, "one")
    town.world.after(59)
    assert refused(bob, "edit two") == "#den is slow: your next message in 1 second"
    town.world.after(1)
    assert do(bob, "edit two")[-1] == "* your message reads so now"
    assert said(bob, "three") == "! #den is slow: your next message in 60 seconds"
    assert past(carol) == ["bob: two (edited)"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("filter add refuse kettle", "that was not said: #den has a filter for words in it"),
        ("mute bob", "you are muted in #den: bob, by alice, for good"),
        ("announce-only on", "only who has a voice may talk here; moderators give it"),
    ],
)
def test_who_may_not_say_it_may_not_correct_it_so(town: Town, asked: str, why: str) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "a teapot")
    do(alice, asked)
    assert refused(bob, "edit a kettle") == why
    assert past(carol) == ["bob: a teapot"]
    assert not any(entry.event.kind is Kind.EDITED for entry in town.entries())


# At the same time


def slow_world(client: Any, storage: SlowStorage) -> tuple[World, Any, Any, Any]:
    world = World(client, storage=storage, grace=0, registrations_an_hour=0)
    return world, *company(world)


@pytest.mark.parametrize("first", ["edit", "delete"])
def test_what_is_corrected_and_removed_at_once_is_removed_with_its_correction(client: Any, first: str) -> None:
    storage = SlowStorage()
    world, alice, bob, carol = slow_world(client, storage)
    say(bob, "one secret")
    storage.slow_reads = True
    asked = [(bob, "edit two secrets"), (alice, "delete bob")]
    for person, what in asked if first == "edit" else reversed(asked):
        person.do(what)
        world.settle()
    while under_way := storage.reads_under_way:
        for _ in range(under_way):  # all that were asked for come back before anything is committed
            storage.come_back(anew=True)
        world.settle()
    storage.slow_reads = False
    assert past(carol) == ["bob: (removed)"]
    assert "secret" not in repr(storage.storage._logs)  # type: ignore[attr-defined]


def test_who_is_put_out_while_they_correct_themselves_does_not(client: Any) -> None:
    storage = SlowStorage()
    world, alice, bob, carol = slow_world(client, storage)
    say(bob, "one")
    storage.slow_reads = True
    bob.do("edit two")
    world.settle()
    alice.do("kick bob")
    world.settle()
    while storage.reads_under_way:
        storage.come_back(anew=True)
        world.settle()
    storage.slow_reads = False
    assert past(carol) == ["bob: one"]


# When it is not saved, or the server ends before it is done


def test_what_is_not_saved_is_as_it_was_and_told_so(client: Any, logged: LoggedErrors) -> None:
    storage = FailingStorage()
    _, _, bob, carol = slow_world(client, storage)
    say(bob, "one")
    storage.break_down(DISK_FULL)
    assert refused(bob, "edit two") == "your correction was not saved: the disk is full"
    assert refused(bob, "delete") == "that was not saved: the disk is full"
    assert past(carol) == ["bob: one"]
    storage.recover()
    logged.flush("the disk is full")


class Unamending(SlowStorage):
    """A storage that amends nothing until it can."""

    can = False

    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Deferred[None]:
        if self.can:
            return super().amend(log, texts)
        failed: Deferred[None] = Deferred()
        failed.errback(NotSaved("the disk is full"))
        return failed


def test_until_the_storage_can_nobody_reads_the_words_and_then_they_are_gone(client: Any) -> None:
    storage = Unamending()
    world, alice, bob, carol = slow_world(client, storage)
    say(bob, "one secret", "to kettles")
    do(bob, "edit two kettles")
    storage.can = False
    do(alice, "delete bob 2")
    for person in (bob, carol):
        assert past(person) == ["bob: (removed)", "bob: (removed)"]
        assert searched(person, "secret") == searched(person, "kettles") == []
    assert "secret" not in exported(bob)
    assert "secret" in repr(storage.storage._logs)  # type: ignore[attr-defined]
    storage.can = True
    world.after(TIDY_AGAIN)
    for words in ("secret", "kettles"):
        assert words not in repr(storage.storage._logs)  # type: ignore[attr-defined]
    assert past(carol) == ["bob: (removed)", "bob: (removed)"]


def test_corrections_that_were_not_made_in_the_store_are_read_after_a_restart_and_then_made(client: Any) -> None:
    storage = Unamending()
    world, _, bob, _ = slow_world(client, storage)
    say(bob, "one", "two")
    do(bob, "edit three")
    do(bob, "edit four")
    say(bob, "five")
    do(bob, "delete")
    storage.slow = False
    left = storage.storage
    assert "five" in repr(left._logs)  # type: ignore[attr-defined]
    world = World(client, storage=Unamending(left), clock=world.clock, stamp="n8.", grace=0)
    dave = come(world, "dave")
    assert past(dave) == ["bob: one", "bob: four (edited)", "bob: (removed)"]
    world = again(world)
    assert past(come(world, "eve")) == ["bob: one", "bob: four (edited)", "bob: (removed)"]
    kept: Any = world.storage
    assert "five" not in repr(kept._logs)
    texts = [entry.event.text for entry in kept._logs["#den"] if entry.event.kind is Kind.SAID]
    assert texts == ["one", "four", ""]
    assert world.chat.rooms["den"].owed == {}


@pytest.mark.parametrize("asked", ["edit tea instead", "delete"])
def test_killed_after_whichever_batch_it_is_done_as_a_whole_or_not_at_all(client: Any, asked: str) -> None:
    outcomes = []
    for batches in range(6):
        storage = SlowStorage()
        world, _, bob, _ = slow_world(client, storage)
        say(bob, "coffee")
        storage.slow = True
        bob.do(asked)
        world.settle()
        committed = 0
        while storage.under_way and committed < batches:
            storage.commit()
            committed += 1
            world.settle()
        world = again(world)
        dave = come(world, "dave")
        outcomes.append(past(dave)[0])
        done = {"edit tea instead": "bob: tea instead (edited)", "delete": "bob: (removed)"}[asked]
        assert outcomes[-1] == (done if committed else "bob: coffee")
        assert searched(dave, "coffee") == ([] if committed else ["bob: coffee"])
        kept: Any = world.storage
        (message,) = [entry.event for entry in kept._logs["#den"] if entry.event.kind is Kind.SAID]
        assert message.text == ({"edit tea instead": "tea instead", "delete": ""}[asked] if committed else "coffee")
        assert world.chat.rooms["den"].owed == {}
        if committed < batches:
            break
    assert len(set(outcomes)) == 2
