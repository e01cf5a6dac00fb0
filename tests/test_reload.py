"""What was chosen, read again: what counts from now on, what takes a restart, and what stays as it was."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from chatroom.event import Sort
from chatroom.names import nickname
from chatroom.operations.choices import OPTIONS, SECRETS
from chatroom.operations.chosen import settings_of
from chatroom.operations.reload import Reload, Renewed
from chatroom.operations.sources import PREFIX
from chatroom.options import Options
from chatroom.times import DAY

from .chatting import PASSWORD, SlowStorage, TextClient, World
from .support import LoggedErrors
from .test_sources import quoted, sample


class Notes:
    """Whom a service manager would hear."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def reloading(self) -> None:
        self.heard.append("reloading")

    def reloaded(self) -> None:
        self.heard.append("reloaded")


class Configured:
    """A server's configuration in a file, and what became of it."""

    def __init__(self, where: Path, text: str = "") -> None:
        self.path = where / "chatroom.toml"
        self.path.write_text(text)
        self.adopted: list[dict[str, Any]] = []
        self.certificates: tuple[Sequence[str], Sequence[str]] = ((), ())
        options = Options()
        options.parseOptions(["--config", str(self.path)])
        self.reload = Reload(options.settled, options.settle, self._adopt, lambda: self.certificates)

    def _adopt(self, values: Mapping[str, Any]) -> None:
        self.adopted.append(dict(values))

    def becomes(self, text: str | bytes) -> Renewed:
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.reload.now()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has in their environment is no test's business."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_each_option_changes_at_once_or_is_said_to_take_a_restart(option: Any, tmp_path: Path) -> None:
    chosen, name, texts = Configured(tmp_path), option.name, sample(option, tmp_path)
    value = f"[{', '.join(map(quoted, texts))}]" if option.several else quoted(*texts)
    before = chosen.reload._values[name]
    renewed = chosen.becomes(f"{name} = {value}\n")
    told, back_again = (
        f"{name}: {one} instead of {other}"
        for one, other in ((" ".join(texts), option.default or "none"), (option.default or "none", " ".join(texts)))
    )
    if option.several:
        came, went = [f"+ {each}" for each in texts], [f"- {each}" for each in option.default.split()]
        told = f"{name}: {', '.join([*came, *went])}"
        back_again = told.translate(str.maketrans("+-", "-+")) if not went else back_again
    if name in SECRETS:
        told = f"{name}: another value"
        assert "secret" not in renewed.words
    assert renewed == (([told], [], []) if option.live else ([], [f"{told}; takes a restart"], []))
    assert len(chosen.adopted) == option.live
    if option.live:
        assert chosen.adopted[0][name] == chosen.reload._values[name] != before
    assert chosen.reload.now() == (renewed if not option.live else ([], [], []))
    back = chosen.becomes("")
    assert back.changed == ([back_again] if option.live else [])


def test_of_a_list_is_told_what_came_and_what_went(tmp_path: Path) -> None:
    chosen = Configured(tmp_path, 'line = ["tcp:6000", "unix:chat"]\noperator = ["alice", "bob"]\n')
    renewed = chosen.becomes('line = ["tcp:6001", "unix:chat"]\noperator = ["bob", "carol", "dave"]\n')
    assert renewed.later == ["line: + tcp:6001, - tcp:6000; takes a restart"]
    assert renewed.changed == ["operator: + carol, + dave, - alice"]
    renewed = chosen.becomes('line = ["unix:chat", "tcp:6000"]\noperator = ["bob", "carol", "dave"]\n')
    assert renewed.later == ["line: the same in another order; takes a restart"]


def test_what_takes_a_restart_is_a_warning_and_what_is_wrong_comes_first(tmp_path: Path, logged: LoggedErrors) -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
    try:
        chosen = Configured(tmp_path)
        chosen.certificates = (), ["old.pem: cut off"]
        chosen.becomes('history = 3\nroom = ["den"]\n')
    finally:
        globalLogPublisher.removeObserver(events.append)  # type: ignore[arg-type]
    assert len(logged.flush("reloaded, but not changed")) == 1
    assert [(event["log_level"], formatEvent(event)) for event in events] == [
        (LogLevel.error, "reloaded, but not changed: old.pem: cut off"),
        (LogLevel.info, "reloaded: history: 3 instead of 20"),
        (LogLevel.warn, "reloaded: room: + den, - lobby; takes a restart"),
    ]


def test_without_a_change_it_says_so_and_nothing_is_adopted(tmp_path: Path) -> None:
    chosen = Configured(tmp_path, "history = 5\n")
    assert chosen.reload.now().words == "nothing has changed"
    assert chosen.becomes("history = 5\n# a comment\n").words == "nothing has changed"
    assert chosen.adopted == []


def test_the_same_written_otherwise_is_told_too(tmp_path: Path) -> None:
    chosen = Configured(tmp_path, 'retention = "7d"\n')
    assert chosen.becomes('retention = "1w"\n').changed == ["retention: 1w instead of 7d"]


def test_a_file_that_is_named_is_read_again(tmp_path: Path, logged: LoggedErrors) -> None:
    motd = tmp_path / "motd"
    motd.write_text("one\n")
    chosen = Configured(tmp_path, f"motd = {quoted(str(motd))}\n")
    motd.write_text("two\n")
    assert chosen.reload.now().changed == [f"motd: {motd}, read again"]
    assert chosen.adopted[-1]["motd"] == ("two",)
    motd.unlink()
    renewed = chosen.reload.now()
    assert (renewed.changed, renewed.wrong) == ([], [f"{chosen.path}: motd: {motd}: No such file or directory"])
    assert logged.flush("No such file")
    motd.write_text("two\n")
    assert chosen.reload.now().words == "nothing has changed"


def test_a_password_is_never_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame\n")
    secret.chmod(0o600)
    chosen = Configured(tmp_path, f"server-password-file = {quoted(str(secret))}\n")
    secret.write_text("xyzzy\n")
    renewed = chosen.reload.now()
    assert chosen.adopted[-1]["server-password-file"] == "xyzzy"
    assert "sesame" not in renewed.words
    assert "xyzzy" not in renewed.words


def test_where_the_new_is_wrong_the_old_stays_and_the_rest_changes(tmp_path: Path, logged: LoggedErrors) -> None:
    chosen = Configured(tmp_path, "history = 5\ngrace = 7\nrooms = 9\n")
    renewed = chosen.becomes('history = "many"\ngrace = 8\nrooms = 0\nroom = ["a b"]\nstorage = "memory:"\n')
    where = str(chosen.path)
    assert renewed.changed == ["grace: 8 instead of 7"]
    assert renewed.later == ["storage: memory: instead of sqlite:chatroom.db; takes a restart"]
    assert [re.sub(r"(: [\w-]+): .*", r"\1", each) for each in renewed.wrong] == [
        f"{where}: room",
        f"{where}: rooms",
        f"{where}: history",
    ]
    (adopted,) = chosen.adopted
    assert (adopted["history"], adopted["grace"], adopted["rooms"]) == (5, 8.0, 9)
    assert renewed.words.count("not changed: ") == 3
    assert len(logged.flush("reloaded, but not changed")) == 3
    assert chosen.becomes("history = 6\ngrace = 8\nrooms = 9\n").changed == ["history: 6 instead of 5"]


@pytest.mark.parametrize(
    "text",
    [b"history = \ngrace = 8\n", b"history = 6\ngrcae = 8\n", b"history = 6\n# caf\xe9\n", b"history = 6\n[chat]\n"],
    ids=["no TOML", "unknown", "no UTF-8", "a table"],
)
def test_a_file_that_is_wrong_as_a_whole_changes_nothing(tmp_path: Path, logged: LoggedErrors, text: bytes) -> None:
    chosen = Configured(tmp_path, "history = 5\n")
    renewed = chosen.becomes(text)
    assert (renewed.changed, renewed.later, len(renewed.wrong), chosen.adopted) == ([], [], 1, [])
    assert renewed.wrong[0].startswith(f"{chosen.path}: ")
    assert logged.flush("reloaded, but not changed")
    assert chosen.becomes("history = 6\n").changed == ["history: 6 instead of 5"]


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path, logged: LoggedErrors) -> None:
    chosen = Configured(tmp_path, "history = 5\n")
    chosen.path.unlink()
    assert chosen.reload.now() == ([], [], [f"{chosen.path}: No such file or directory"])
    assert logged.flush("No such file")


def test_certificates_are_read_again_whatever_becomes_of_the_rest(tmp_path: Path, logged: LoggedErrors) -> None:
    chosen = Configured(tmp_path)
    chosen.certificates = ["chat.pem is new"], ["old.pem: cut off"]
    assert chosen.becomes("history = ") == (
        ["chat.pem is new"],
        [],
        [f"{chosen.path}: Invalid value (at end of document); text stands in quotes", "old.pem: cut off"],
    )
    assert len(logged.flush("reloaded, but not changed")) == 2


def test_who_wants_to_know_hears_of_the_beginning_and_the_end_whatever_comes_of_it(tmp_path: Path) -> None:
    chosen, notes = Configured(tmp_path), Notes()
    chosen.reload.tell(notes)
    chosen.reload.now()
    assert notes.heard == ["reloading", "reloaded"]

    def fails() -> Any:
        raise RuntimeError("a bug")

    chosen.reload._settle = fails
    with pytest.raises(RuntimeError):
        chosen.reload.now()
    assert notes.heard == ["reloading", "reloaded"] * 2


# What the chat does with it


def test_to_adopt_before_people_are_let_in_forgets_nothing_and_then_counts() -> None:
    storage = SlowStorage()
    before = World(storage=storage)
    before.enter("alice").say("old")
    before.settle()
    storage.slow_reads = True
    expired: list[Sort] = []
    storage.expire = lambda time, sort: expired.append(sort) or succeed(None)  # type: ignore[method-assign,assignment,func-returns-value]
    world = Reconfigured(storage=storage, clock=before.clock, stamp="n2.")
    while not world.opened.called:
        timers = len(world.clock.getDelayedCalls())
        world.adopt(retention=DAY)
        assert (expired, len(world.clock.getDelayedCalls())) == ([], timers)
        reads = storage.reads_under_way
        assert reads == 1  # of what is opened, and none of what is too old
        storage.come_back()
        world.settle()
    while storage.reads_under_way:
        storage.come_back()
        world.settle()
    assert Sort.TALK in expired


class Reconfigured(World):
    """A world that goes by other settings from now on."""

    def adopt(self, **values: Any) -> None:
        options = Options()
        options.parseOptions([])
        chosen = {"rate": (0.0, 30), **values}
        self.chat.adopt(settings_of({**options.settled.values, **chosen}))
        self.settle()


def test_an_operator_is_one_at_once_and_stops_being_one() -> None:
    world = Reconfigured()
    alice, bob = world.register("alice"), world.enter("bob")
    alice.line("/announce hello")
    assert alice.lines()[-1] == "! only operators of the server may do that"
    world.adopt(operator=(nickname("alice"),))
    alice.heard()
    alice.line("/announce hello")
    assert ("refused",) not in alice.heard()
    assert "hello" in bob.lines()[-1]
    world.adopt()
    alice.line("/announce hello")
    assert alice.lines()[-1] == "! only operators of the server may do that"


def test_who_is_connected_stays_where_fewer_may_be() -> None:
    world = Reconfigured()
    alice, bob = world.enter_all("alice", "bob")
    world.adopt(connections=2)
    carol = world.connect()
    assert carol.gone
    assert "the server is full: it takes 2 connections" in carol.text()
    assert not alice.gone
    assert not bob.gone
    world.adopt(connections=3)
    assert not world.connect().gone


def test_as_many_from_one_address_as_now() -> None:
    world = Reconfigured(connections_per_address=1)
    first = world.connect("192.0.2.7")
    assert world.connect("192.0.2.7").gone
    world.adopt(**{"connections-per-address": 2})
    assert not world.connect("192.0.2.7").gone
    assert not first.gone


def test_who_comes_later_has_another_rate_and_who_is_here_keeps_theirs() -> None:
    world = Reconfigured(line_interval=0.0)
    alice, bob = world.enter_all("alice", "bob")
    world.adopt(rate=(10.0, 2))
    carol = world.connect()
    carol.enter("carol")
    for number in range(5):
        bob.say(f"{number}")
        carol.say(f"{number}")
    heard = [who for _, who, _ in alice.heard("said")]
    assert (heard.count("bob"), heard.count("carol")) == (5, 1)
    world.after(10)
    assert [who for _, who, _ in alice.heard("said")] == ["carol"]


def test_registration_guests_and_the_servers_password_count_for_who_comes() -> None:
    world = Reconfigured()
    alice = world.enter("alice")
    world.adopt(registration="closed")
    alice.command("register", password=PASSWORD)
    assert alice.lines()[-1].startswith("! ")
    world.adopt(**{"server-password-file": "sesame"})
    bob = world.connect()
    bob.enter("bob")
    assert "password" in bob.lines()[-1]
    world.adopt(guests=False)
    carol = world.connect()
    carol.enter("carol")
    world.settle()
    assert "* You are carol" not in carol.text()
    alice.say("still here")
    assert not alice.gone


def test_a_shorter_retention_counts_at_once() -> None:
    world = Reconfigured(history=10)
    alice = world.enter("alice")
    alice.say("old")
    world.after(3 * DAY / 1000)
    alice.say("new")
    world.settle()
    assert said(world.connect(), "bob") == ["old", "new"]
    world.adopt(retention=DAY)
    world.after(2)
    assert said(world.connect(), "carol") == ["new"]
    world.after(2 * DAY / 1000)
    assert said(world.connect(), "dave") == []


def said(client: TextClient, nick: str) -> list[str]:
    client.enter(nick)
    return [shown[-1] for shown in client.heard("recalled")]


def test_a_longer_retention_counts_at_once_too() -> None:
    world = Reconfigured(history=10, retention=DAY)
    alice = world.enter("alice")
    alice.say("old")
    world.adopt()
    world.after(3 * DAY / 1000)
    assert said(world.connect(), "bob") == ["old"]


def test_to_adopt_a_hundred_times_leaves_no_more_timers() -> None:
    world = Reconfigured()
    world.enter("alice")
    world.adopt()
    timers = len(world.clock.getDelayedCalls())
    for _ in range(100):
        world.adopt(retention=DAY)
    assert len(world.clock.getDelayedCalls()) == timers


def test_the_greeting_the_history_and_the_words_of_the_day_are_the_new_ones() -> None:
    world = Reconfigured()
    alice = world.enter("alice")
    for number in range(5):
        alice.say(f"{number}")
    world.adopt(**{"server-name": "The Fox", "motd": ("mind the step",), "history": 2})
    bob = world.connect()
    world.after(1)
    assert "Welcome to The Fox" in bob.text()
    assert said(bob, "bob") == ["3", "4"]
    assert "mind the step" in bob.text()


def test_the_rooms_there_may_be_are_counted_anew() -> None:
    world = Reconfigured()
    alice = world.register("alice")
    world.adopt(rooms=1)
    alice.line("/join tea")
    assert alice.lines()[-1].startswith("! ")
    world.adopt(rooms=2)
    alice.line("/join tea")
    assert "alone in #tea" in alice.lines()[-1]


def test_what_came_of_it_is_told_in_a_line_each() -> None:
    assert Renewed(["a"], ["b"], ["c", "d"]).words == "not changed: c\nnot changed: d\nchanged: a\nb"
    assert Renewed(["a"], ["b"], []).words == "a\nb"
    assert Renewed([], [], []).words == "nothing has changed"
