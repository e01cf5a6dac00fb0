"""The clock is set, by an hour or by ten years: nobody is put out for it, nothing stands still, nothing is forgotten."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from chatroom.operations.clocks import STEP, STEPOUT, TimeOfDay
from chatroom.tidy import EXPIRING
from chatroom.times import DAY, MINUTE

from .server import Person, Server
from .support import needs
from .test_amending import Person as SomebodyInText
from .test_amending import Town, company, past, say
from .test_moderation import come

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

KEPT = 90 * DAY

NEAR = 60 * 60 // 2
"""Seconds by which a time that was told may be wrong where the clock was set by an hour: how fast this machine is does
not matter."""


class FakedClock:
    """A clock for a server, to be set while it runs; how long something takes it tells as it is (libfaketime, README)."""

    def __init__(self, where: Path) -> None:
        self._file = where / "clock"
        self.set("+0")

    def set(self, by: str) -> None:
        written = self._file.with_suffix(".new")
        written.write_text(f"{by}\n")
        written.replace(self._file)

    def command(self, zone: str = "UTC") -> tuple[str, ...]:
        faked = {
            "LD_PRELOAD": LIBRARIES[0],
            "FAKETIME_TIMESTAMP_FILE": self._file,
            "FAKETIME_NO_CACHE": 1,
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
            "TZ": zone,
        }
        return ("env", *(f"{name}={value}" for name, value in faked.items()))


@pytest.fixture
def clock(tmp_path: Path) -> FakedClock:
    return FakedClock(tmp_path)


def program(server: Server, nick: str) -> Person:
    """Somebody who may come back after a lost connection."""
    person = Person(server)
    person.say(json.dumps({"hello": {"nick": nick}}))
    person.expect('"welcome".*\n')
    return person


def times(server: Server) -> dict[str, list[int]]:
    """Those of each room, in the order of their positions."""
    found: dict[str, list[int]] = {}
    rows = server.query(
        "SELECT name, time FROM entries JOIN logs ON logs.id = log WHERE name GLOB '#*' ORDER BY name, position"
    )
    for log, moment in rows:
        found.setdefault(log, []).append(moment)
    return found


@pytest.mark.process
@needs("faketime", "faketime")
@pytest.mark.parametrize("by", ["+1h", "-1h", "+10y", "-10y"])
def test_who_is_here_notices_nothing_of_a_clock_that_is_set(tmp_path: Path, clock: FakedClock, by: str) -> None:
    with Server(tmp_path, "--rate", "100:5", "--operator", "root", before=clock.command()) as server:
        bob, root, strangers = Person(server, "bob"), Person(server, "root"), [Person(server) for _ in range(5)]
        for stranger in strangers:
            stranger.expect("nickname.*\n")
        for number in range(5):
            program(server, f"away-{number}").reset()
        root.say("/register correct horse battery")
        root.expect("your own now.*\r\n")
        root.say("before")
        bob.expect("root: before\r\n")
        clock.set(by)
        lines = [f"line {number}" for number in range(50)]
        root.say(*lines)  # more than come at once: the rest waits for the clock that counts seconds
        heard = bob.expect("root: line 49\r\n")
        assert [line.partition("root: ")[2] for line in heard.splitlines() if "root: " in line] == lines
        assert "left" not in heard
        root.say("/mute bob 10m", "/who")
        assert "away-0, away-1, away-2, away-3, away-4" in root.expect("in #lobby: .*\n")
        for number, stranger in enumerate(strangers):  # whose minute to say a nickname is not over
            stranger.enter(f"guest-{number}")
        server.wait_for_line("the clock was set by")
        clock.set("+0")
        root.say("after")
        bob.expect("root: after\r\n")
        assert server.said() == ["before", *lines, "after"]
        assert times(server)
        for moments in times(server).values():
            assert moments == sorted(moments)
            assert all(abs(moment / 1000 - time.time()) < NEAR for moment in moments)
        eids = [eid for (eid,) in server.query("SELECT eid FROM entries WHERE kind = 'said'")]
        assert len(set(eids)) == len(eids)
        ((details,),) = server.query("SELECT details FROM entries WHERE kind = 'muted'")
        assert abs(json.loads(details)["until"] - (time.time() * 1000 + 10 * MINUTE)) < NEAR * 1000


@pytest.mark.process
@needs("faketime", "faketime")
def test_summer_time_comes_and_goes_unnoticed(tmp_path: Path, clock: FakedClock) -> None:
    for begins in ("@2026-03-29 01:59:59", "@2026-10-25 02:59:59"):
        clock.set(begins)
        with Server(tmp_path, "--history", "0", before=clock.command("Europe/Berlin")) as server:
            bob = Person(server, "bob")
            bob.say("/echo on")
            for number in range(25):  # 5 at most come in a second
                bob.say(f"line {number}")
                bob.expect(f"bob: line {number}\r\n")
            server.terminate()
        said = [moment for (moment,) in server.query("SELECT time FROM entries WHERE kind = 'said' ORDER BY position")]
        assert said == sorted(said)
        assert said[-1] - said[-25] < NEAR * 1000


@pytest.mark.process
@needs("faketime", "faketime")
def test_a_clock_that_is_years_ahead_at_the_start_has_nothing_forgotten(tmp_path: Path, clock: FakedClock) -> None:
    server = Server(tmp_path, "--no-limits", "--retention", "90d", before=clock.command())
    with server, Person(server, "bob") as bob:
        bob.say(*[f"line {number}" for number in range(100)], "/quit")
        bob.rest()
        server.terminate()
    clock.set("+10y")
    with server, Person(server, "carol"):
        server.wait_for_line("days from where it was last")
        clock.set("+0")
        server.terminate()
    with server, Person(server, "carol") as carol:
        carol.say("/search line")
        carol.expect("older ones")
        assert server.said() == [f"line {number}" for number in range(100)]


def test_what_is_too_old_goes_when_the_clock_is_right_after_all(tmp_path: Path) -> None:
    town = Town("sqlite", tmp_path, SomebodyInText, retention=KEPT)
    _, bob, _ = company(town.world)
    say(bob, "an old secret")
    town.world.clock.rightNow += 100 * DAY / 1000  # nobody was here
    town.restart()
    town.world.chat.tidy.expiring()  # as when other options are read: it is not believed sooner for that
    town.world.after(EXPIRING - 1)
    assert town.holds("an old secret")
    town.world.after(2)
    assert not town.holds("an old secret")


@pytest.mark.parametrize("hours", [12, 23, 24, 25, 48])
@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_on_a_quiet_server_that_restarts_day_by_day_what_is_too_old_goes(
    tmp_path: Path, scheme: str, hours: int
) -> None:
    town = Town(scheme, tmp_path, SomebodyInText, retention=30 * DAY)
    _, bob, _ = company(town.world)
    say(bob, "an old secret")
    started = town.world.clock.seconds()
    while town.world.clock.seconds() - started < 30 * DAY / 1000:
        assert town.holds("an old secret")
        town.world.after(hours * 3600 - 60)
        town.world.clock.advance(60)  # while it is down
        town.restart()
    while town.world.clock.seconds() - started < 33 * DAY / 1000:
        town.world.after(hours * 3600 - 60)
        town.world.clock.advance(60)
        town.restart()
    assert not town.holds("an old secret")


TEN_YEARS = 3650 * DAY / 1000

MINUTES = 600


@pytest.mark.parametrize("talk", [False, True])
@pytest.mark.parametrize(
    "clocks",
    [
        [TEN_YEARS],
        [TEN_YEARS, TEN_YEARS, TEN_YEARS],  # as one that is started again and again
        [TEN_YEARS, 0, TEN_YEARS, 0],
        [TEN_YEARS, TEN_YEARS / 2],
        [-TEN_YEARS, 0],
        [-TEN_YEARS, TEN_YEARS, TEN_YEARS],
    ],
)
def test_a_clock_that_is_wrong_at_some_starts_has_nothing_forgotten(
    tmp_path: Path, clocks: list[float], talk: bool
) -> None:
    town = Town("sqlite", tmp_path, SomebodyInText, retention=KEPT)
    _, bob, _ = company(town.world)
    say(bob, "a young secret")
    at = 0.0
    for wrong in clocks:
        town.world.clock.rightNow += MINUTES + wrong - at
        at = wrong
        town.restart()
        if talk:
            say(come(town.world, "bob"), "hello")
        town.world.after(MINUTES)
        assert town.holds("a young secret")
    town.world.clock.rightNow -= at
    town.restart()
    town.world.after(2 * EXPIRING)
    assert town.holds("a young secret")


def test_who_only_talks_for_weeks_and_restarts_is_not_doubted(tmp_path: Path) -> None:
    town = Town("sqlite", tmp_path, SomebodyInText, retention=KEPT)
    _, bob, _ = company(town.world)
    say(bob, "an old secret")
    for _ in range(90):
        town.world.after(DAY / 1000)
        say(bob, "hello")
    town.world.after(60)
    town.restart()
    assert town.world.chat.tidy._looked == town.world.chat.told_by_the_clock()
    town.world.after(EXPIRING / 2)
    assert not town.holds("an old secret")


def test_what_is_still_young_is_there_when_the_clock_was_wrong(tmp_path: Path) -> None:
    town = Town("sqlite", tmp_path, SomebodyInText, retention=KEPT)
    _, bob, carol = company(town.world)
    say(bob, "a young secret")
    town.world.clock.rightNow += 3650 * DAY / 1000
    town.world.after(0)  # it is looked
    town.world.clock.rightNow -= 3650 * DAY / 1000
    town.world.after(2 * EXPIRING)
    assert past(carol) == ["bob: a young secret"]


# The time of day by itself


class Told:
    """Two clocks that only the test turns."""

    def __init__(self) -> None:
        self.wall, self.elapsed = 1_000_000.0, 50.0
        self.time = TimeOfDay(lambda: self.wall, lambda: self.elapsed)

    def after(self, seconds: float) -> float:
        self.wall += seconds
        self.elapsed += seconds
        return self.time()


def test_time_passes() -> None:
    assert Told().after(100) == 1_000_100


def test_a_clock_that_is_corrected_a_little_is_followed_at_once() -> None:
    told = Told()
    told.wall += STEP - 1
    assert told.after(1) == 1_000_000 + STEP
    told.wall -= STEP - 1
    assert told.after(1) == 1_000_002


@pytest.mark.parametrize("by", [3600, -3600])
def test_a_clock_that_was_set_is_followed_when_it_stands(by: float) -> None:
    told = Told()
    told.wall += by
    assert told.after(1) == 1_000_001
    assert told.after(STEPOUT - 1) == 1_000_000 + STEPOUT
    assert told.after(1) == 1_000_001 + STEPOUT + by


def test_a_clock_that_was_set_and_is_right_again_was_never_followed() -> None:
    told = Told()
    told.wall += 3600
    told.after(STEPOUT - 1)
    told.wall -= 3600
    assert told.after(1) == 1_000_000 + STEPOUT
    told.wall += 3600
    assert told.after(STEPOUT - 1) == 1_000_000 + 2 * STEPOUT - 1  # it has to stand anew


def test_a_clock_that_is_set_again_and_again_is_followed_when_it_stands() -> None:
    told = Told()
    for _ in range(10):
        told.wall += 3600
        told.after(STEPOUT - 1)
    told.after(1)
    assert told.after(STEPOUT) == told.wall
