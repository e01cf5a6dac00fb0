"""The client's rooms as windows: their numbers, what was not read, the bottom line, what Tab completes, and what was asked of
the past. No server, and no screen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chatroom.client.face import Said
from chatroom.client.screen.bar import TOPIC_NARROWEST, bar
from chatroom.client.screen.cells import width_of
from chatroom.client.screen.completing import Names
from chatroom.client.screen.known import COMMANDS, ROOMS, Known
from chatroom.client.screen.line import Line
from chatroom.client.screen.local import BELLS, USAGE, Local
from chatroom.client.screen.lookback import Lookback
from chatroom.client.screen.looks import Looks, now
from chatroom.client.screen.news import News
from chatroom.client.screen.windows import HOME, SPEAKERS, Window, Windows
from chatroom.request import Command, Refused

MORNING = "2026-11-20T09:12:00.000Z"


class Us:
    """Who looks."""

    nick = "al"
    nicks: Collection[str] = ("al", "alf")
    rooms: Collection[str] = ("lobby", "dev", "ops")
    room = "lobby"


class Desk:
    """Three rooms, of which lobby is looked at."""

    def __init__(self) -> None:
        self.windows = Windows()
        self.looks = Looks(Us())
        self.news = News(self.windows, self.looks, Us())
        rooms = {room: {"members": ["al", "bo"], "topic": f"of {room}"} for room in ("dev", "lobby", "ops")}
        self.news.welcomed(rooms, "lobby")
        self.lobby, self.dev, self.ops = self.windows

    def happens(self, event: str, room: str | None = "lobby", nick: str = "bo", **more: Any) -> bool:
        said = {"event": event, "nick": nick, "time": MORNING, **more}
        if room is not None:
            said |= {"room": room, "position": "9"}
        return self.news.happened(said)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def shown(window: Window) -> list[str]:
    """Without the times, and the day."""
    rows = window.transcript.view(200, 100)
    return ["".join(cell.text for cell in row).rstrip()[6:] for row in rows if row[0].text != "─"]


def told(windows: Windows, width: int = 80, trouble: str = "", waiting: int = 0) -> str:
    return "".join(piece.text for piece in bar(windows, width, trouble, waiting))


# Windows


def test_the_room_in_which_one_talks_has_the_first_window(desk: Desk) -> None:
    assert [window.room for window in desk.windows] == ["lobby", "dev", "ops"]
    assert desk.windows.current is desk.lobby
    assert [desk.windows.number(window) for window in desk.windows] == [1, 2, 3]


def test_each_keeps_its_number_while_others_come(desk: Desk) -> None:
    new = desk.windows.open("new")
    assert desk.windows.open("new") is new
    assert (desk.windows.at(2), desk.windows.at(4), desk.windows.current) == (desk.dev, new, desk.lobby)
    assert [desk.windows.at(number) for number in (0, -1, 5)] == [None] * 3


def test_one_looks_at_the_next_round_and_round(desk: Desk) -> None:
    assert [desk.windows.beside(step) for step in (1, 2, 3, -1)] == [desk.dev, desk.ops, desk.lobby, desk.ops]


def test_the_first_room_has_what_was_told_before(desk: Desk) -> None:
    windows = Windows()
    home = windows.current
    assert home.room == HOME
    assert windows.open("lobby") is home
    assert len(windows) == 1


def test_who_closes_a_window_looks_at_the_one_before(desk: Desk) -> None:
    desk.windows.show(desk.ops)
    desk.windows.close(desk.dev)
    assert desk.windows.current is desk.ops
    desk.happens("said", "lobby", text="al?")
    desk.windows.close(desk.ops)
    assert desk.windows.current is desk.lobby
    assert (desk.lobby.unread, desk.lobby.mentions) == (0, 0)


def test_the_last_window_is_there_without_a_room_and_has_nothing_of_the_room_that_was_left(desk: Desk) -> None:
    desk.happens("said", text="hi")
    for window in [*desk.windows]:
        desk.windows.close(window)
    assert [window.room for window in desk.windows] == [HOME]
    assert desk.windows.open("dev") is desk.windows.current
    assert desk.windows.current.transcript.oldest == ""  # positions are of one room each
    assert (shown(desk.windows.current), desk.windows.current.people) == ([], {})


# What happened


def test_what_is_said_is_shown_in_its_window_and_counted_where_nobody_looks(desk: Desk) -> None:
    assert not desk.happens("said", "lobby", text="hi")
    assert not desk.happens("said", "dev", text="there")
    assert desk.happens("said", "dev", text="hi Al!")
    assert desk.happens("did", "ops", text="waves at al")
    assert not desk.happens("said", "ops", "cy", text="alas")
    assert [shown(window) for window in desk.windows] == [
        ["bo: hi"],
        ["bo: there", "bo: hi Al!"],
        ["* bo waves at al", "cy: alas"],
    ]
    assert [(window.unread, window.mentions) for window in desk.windows] == [(0, 0), (2, 1), (2, 1)]
    desk.windows.show(desk.dev)
    assert (desk.dev.unread, desk.dev.mentions) == (0, 0)


@pytest.mark.parametrize("nick", ["al", "alf"])
def test_what_we_say_ourselves_was_read_and_calls_nobody(desk: Desk, nick: str) -> None:
    assert not desk.happens("said", "dev", nick, text="al says it")
    assert (desk.dev.unread, desk.dev.mentions, desk.dev.spoke) == (0, 0, [])


def test_what_was_said_before_is_not_counted(desk: Desk) -> None:
    assert not desk.happens("said", "dev", text="al?", history=True)
    assert (desk.dev.unread, desk.dev.mentions) == (0, 0)


def test_where_one_calls_us_is_gone_to_first(desk: Desk) -> None:
    assert desk.windows.unread() is None
    desk.happens("said", "dev", text="hi")
    assert desk.windows.unread() is desk.dev
    desk.happens("said", "ops", text="al?")
    assert desk.windows.unread() is desk.ops


def test_private_messages_and_announcements_are_shown_where_one_looks(desk: Desk) -> None:
    desk.windows.show(desk.ops)
    assert desk.happens("private", None, to="al", text="psst")
    assert not desk.happens("private", None, "al", to="bo", text="what?")
    desk.happens("announced", "lobby", text="stopping soon")
    assert shown(desk.ops) == ["bo -> you: psst", "you -> bo: what?", "* bo tells everybody: stopping soon"]
    assert shown(desk.lobby) == []
    assert desk.ops.transcript.oldest == ""  # that of an announcement is of another room


def test_a_rename_is_told_in_all_rooms_of_whom_it_concerns(desk: Desk) -> None:
    desk.happens("said", "lobby", text="hi")
    desk.ops.people.pop("bo")
    desk.happens("renamed", new="bob")
    assert [shown(window)[-1:] for window in desk.windows] == [["* bo is now bob"]] * 2 + [[]]
    assert ([*desk.lobby.people], desk.lobby.spoke, [*desk.ops.people]) == (["al", "bob"], ["bob"], ["al"])


def test_who_comes_and_goes_is_here_and_not(desk: Desk) -> None:
    desk.happens("joined", "dev", "cy")
    assert [*desk.dev.people] == ["al", "bo", "cy"]
    desk.happens("parted", "dev", "cy", reason="lunch")
    desk.happens("left", "lobby", "bo")
    assert [[*window.people] for window in desk.windows] == [["al"]] * 3
    assert shown(desk.dev) == ["* cy came and went (lunch), bo left"]
    assert shown(desk.ops) == ["* bo left"]


def test_who_is_put_out_is_told_of_once_and_we_are_in_that_room_no_more(desk: Desk) -> None:
    desk.happens("kicked", "dev", whom="al", reason="enough")
    desk.happens("parted", "dev", "al", put_out=True)
    assert len(shown(desk.dev)) == 1
    assert desk.dev.people == {}
    assert [window.room for window in desk.windows] == ["lobby", "dev", "ops"]


def test_who_comes_back_into_a_room_finds_no_gap_in_it(desk: Desk) -> None:
    desk.happens("said", "dev", text="before", eid="e1")
    desk.happens("parted", "dev", "al", put_out=True)
    desk.news.came("dev", ["al", "bo"], "")
    desk.happens("said", "dev", text="after", eid="e3", history=True)
    assert shown(desk.dev) == ["bo: after"]
    assert not desk.dev.transcript.whole
    desk.happens("said", "lobby", text="here all the time", eid="e4")
    desk.news.came("lobby", ["al", "bo"], "")
    assert shown(desk.lobby) == ["bo: here all the time"]


def test_after_a_restart_those_are_here_who_are_told(desk: Desk) -> None:
    desk.happens("started", "dev", "", members=["al"])
    assert [*desk.dev.people] == ["al"]
    for members in (7, [], ["bo"]):
        desk.happens("started", "dev", "", members=members)
        assert "al" in desk.dev.people  # who reads it is here


def test_the_topic_is_known_from_the_event(desk: Desk) -> None:
    desk.happens("set", "dev", setting="topic", value="new")
    desk.happens("set", "dev", setting="slow", value=5)
    assert desk.dev.topic == "new"


def test_words_change_in_their_place(desk: Desk) -> None:
    desk.happens("said", eid="e1", text="teh")
    desk.happens("said", eid="e2", text="secret")
    desk.happens("said", eid="e3", text="gone", removed=True)
    desk.happens("said", eid="e4", text="new", edited=True)
    desk.happens("edited", of="e1", text="the")
    desk.happens("edited", of="e2", text="", removed=True)
    desk.happens("deleted", of=["e2"], whom="bo")
    desk.happens("deleted", of=7, whom="bo")
    assert shown(desk.lobby)[:4] == ["bo: the (edited)", "bo: (removed)", "bo: (removed)", "bo: new (edited)"]


def test_who_is_in_rooms_no_more_is_nowhere_here(desk: Desk) -> None:
    desk.news.welcomed({"dev": {"members": ["al"]}}, "dev")
    assert [[*window.people] for window in desk.windows] == [[], ["al"], []]


@pytest.mark.parametrize(
    "said",
    [
        {"event": "rolled"},
        {"event": "said", "room": ["x"]},
        {"event": "said", "room": "nowhere", "text": "hi"},
        {"event": "private"},
    ],
)
def test_no_event_breaks_it(desk: Desk, said: Said) -> None:
    desk.news.happened(said)


# The bottom line

NAMES = st.text("abc漢é\u0301👍 #", min_size=1, max_size=50)


@given(
    width=st.integers(1, 250),
    rooms=st.lists(st.tuples(NAMES, st.integers(0, 999), st.booleans()), max_size=12, unique_by=lambda room: room[0]),
    topic=st.text("topic 話題é", max_size=300),
    people=st.integers(0, 300),
    trouble=st.one_of(st.just(""), NAMES),
    waiting=st.integers(0, 2000),
    looks_back=st.booleans(),
)
def test_the_bottom_line_is_just_as_wide_as_the_screen(
    width: int,
    rooms: list[tuple[str, int, bool]],
    topic: str,
    people: int,
    trouble: str,
    waiting: int,
    looks_back: bool,
) -> None:
    windows = Windows()
    for room, unread, mentioned in rooms:
        window = windows.open(room)
        window.unread, window.mentions = unread, int(mentioned and unread > 0)
    current = windows.current
    current.topic, current.people = topic, dict.fromkeys(map(str, range(people)))
    if looks_back:
        for number in range(10):
            current.transcript.add(Line(now(), (), f"{number}"))
        current.transcript.up(1, width, 1)
    assert width_of(told(windows, width, trouble, waiting)) == width


def test_the_bottom_line_tells_the_room_its_topic_who_is_here_and_what_was_not_read(desk: Desk) -> None:
    desk.happens("said", "dev", text="hi")
    desk.happens("said", "ops", text="al?")
    assert told(desk.windows) == f"{' 1:#lobby  2:#dev 1  3:#ops 1!  of lobby':72} 2 here "


def test_one_room_has_no_number() -> None:
    windows = Windows()
    assert told(windows, 20) == f"{' no room':20}"
    windows.open("lobby")
    assert told(windows, 20) == f"{' #lobby':20}"


def test_trouble_and_the_room_s_name_come_first(desk: Desk) -> None:
    desk.happens("said", "ops", text="al?")
    assert told(desk.windows, 54, "gone", 2) == " 1:#lobby  3:#ops 1!  +1  2 here  offline, 2 not sent "
    assert told(desk.windows, 31, "gone", 2) == " 1:#lobby  offline, 2 not sent "
    assert told(desk.windows, 20, "gone", 2) == " 1:#lobby  offline,…"
    assert told(desk.windows, 8, "gone", 2) == " 1:#lob…"
    assert f"{'trying again: gone':20}" in told(desk.windows, 120, "gone", 0)


def test_what_calls_us_comes_before_what_is_new_and_that_before_what_is_not(desk: Desk) -> None:
    desk.lobby.people.clear()
    desk.happens("said", "ops", text="hi")
    assert told(desk.windows, 27).rstrip() == " 1:#lobby  3:#ops 1  +1"
    desk.happens("said", "dev", text="al?")
    assert told(desk.windows, 27).rstrip() == " 1:#lobby  2:#dev 1!  +1"


def test_however_many_windows_there_are_it_is_told_how_many_are_not_shown() -> None:
    windows = Windows()
    for number in range(100):
        windows.open(f"r{number}")
    for width in range(20, 250):
        shown = told(windows, width).split()
        names, hidden = [word for word in shown if "#" in word], [word for word in shown if word[0] == "+"]
        assert len(names) + int(hidden[0] if hidden else 0) == 100 or width < 25


def test_of_a_topic_enough_is_shown_or_nothing(desk: Desk) -> None:
    windows = Windows()
    windows.open("r").topic = "t" * 100
    taken = len(" #r ")
    assert told(windows, taken + TOPIC_NARROWEST - 1).strip() == "#r"
    assert told(windows, taken + TOPIC_NARROWEST).strip() == f"#r  {'t' * (TOPIC_NARROWEST - 2)}…"


def test_who_looks_back_is_told_so(desk: Desk) -> None:
    for number in range(20):
        desk.happens("said", text=f"{number}")
    desk.lobby.transcript.up(5, 80, 5)
    assert "PageDown" in told(desk.windows)
    desk.lobby.transcript.to_the_end()
    assert "PageDown" not in told(desk.windows)


# What Tab completes


@pytest.fixture
def known(desk: Desk) -> Known:
    asked: list[Command] = []
    known = Known(desk.windows, asked.append)
    known.welcomed()
    assert asked == [COMMANDS, ROOMS]
    known.told({"answer": "help", "commands": {
        "who": {"usage": "/who [ROOM]"}, "whois": {"usage": "/whois NICK"}, "server-ban": {"usage": "/server ban T"}, "x": 7,
    }})  # fmt: skip
    known.told({"answer": "rooms", "rooms": [{"room": "dev"}, {"room": "Den"}, 7]})
    known.told({"answer": "rooms", "rooms": 7})
    return known


def completed(known: Known, text: str) -> list[str]:
    found = Names(known).get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + each.start_position] + each.text for each in found]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("/wh", ["/who ", "/whois "]),
        ("/BE", ["/bell "]),
        ("/server b", ["/server ban "]),
        ("/help wh", ["/help who ", "/help whois "]),
        ("//wh", []),
        ("/join d", ["/join dev ", "/join Den "]),
        ("/join #D", ["/join dev ", "/join Den "]),
        ("#d", ["#dev ", "#Den "]),
        ("b", ["bo: "]),
        ("B", ["bo: "]),
        ("hi b", ["hi bo "]),
        ("hi @b", ["hi @bo "]),
        ("/msg b", ["/msg bo "]),
        ("/search b", []),
        ("", []),
        ("hi ", []),
        ("one\nb", ["one\nbo: "]),
    ],
)
def test_what_is_begun_is_made_whole(known: Known, text: str, whole: list[str]) -> None:
    assert completed(known, text) == whole


def test_who_spoke_last_comes_first_and_who_left_not_at_all(desk: Desk, known: Known) -> None:
    for nick in ("bea", "ben", "bill"):
        desk.happens("joined", nick=nick)
    for nick in ("bill", "ben", "gone"):
        desk.happens("said", nick=nick, text="hi")
    assert completed(known, "b") == ["ben: ", "bill: ", "bea: ", "bo: "]


def test_so_many_who_spoke_are_remembered(desk: Desk) -> None:
    for number in range(SPEAKERS + 5):
        desk.lobby.heard(f"p{number}")
    assert desk.lobby.spoke == [f"p{number}" for number in range(SPEAKERS + 4, 4, -1)]


@given(st.text(max_size=20))
def test_whatever_is_typed_can_be_completed(text: str) -> None:
    completed(Known(Desk().windows, lambda _: None), text)


def test_what_can_be_completed_steers_no_terminal(desk: Desk) -> None:
    desk.happens("joined", "lobby", "e\x1b[31mve\u202e\n")
    known = Known(desk.windows, lambda _: None)
    known.told({"answer": "help", "commands": {"e\x1bx": {"usage": "/ex \x1b[2J"}, "who": {}}})
    for typed in ("e", "/e"):
        (found,) = Names(known).get_completions(Document(typed), CompleteEvent())
        assert "\x1b" not in found.text + found.display_text + found.display_meta_text
        assert "\u202e" not in found.text + found.display_text
    assert completed(known, "e") == ["e[31mve : "]


# What was asked of the past


def test_history_belongs_to_the_oldest_question_of_its_room(desk: Desk) -> None:
    lookback = Lookback()
    first: Said = {"event": "said", "room": "lobby", "history": True, "text": "1"}
    assert not lookback.takes(first)
    lookback.ask("a", desk.lobby)
    lookback.ask("b", None)
    assert lookback.asked(desk.lobby)
    assert not lookback.asked(desk.dev)
    assert lookback.takes(first)
    assert not lookback.takes({**first, "room": "dev"})
    assert not lookback.takes({**first, "history": False})
    lookback.again()
    assert lookback.takes({**first, "text": "2"})
    wanted = lookback.done("a")
    assert wanted is not None
    assert [said["text"] for said in wanted.found] == ["2"]
    assert lookback.takes({**first, "room": "dev"})
    assert lookback.done("a") is None


# What the client does itself


class Told:
    """Where it is done."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.notices: list[str] = []
        self.left: list[str] = []

    def notice(self, words: str) -> None:
        self.notices.append(words)

    def show_window(self, window: Window) -> None:
        self.windows.show(window)

    def leave(self, reason: str = "") -> None:
        self.left.append(reason)


@pytest.fixture
def place(desk: Desk) -> Told:
    return Told(desk.windows)


def obeyed(place: Told, *lines: tuple[str, str]) -> Iterable[bool]:
    local = Local(place, "mentions")
    return [local.obey(Command(name, words)) for name, words in lines]


def test_it_rings_for_what_is_chosen(place: Told) -> None:
    local = Local(place, "mentions")
    for words, bell in (("", "mentions"), ("off", "off"), ("", "off"), ("ALL", "all"), ("on", "mentions")):
        assert local.obey(Command("bell", words))
        assert (local.bell, place.notices[-1]) == (bell, BELLS[bell])
    with pytest.raises(Refused, match="bad_arguments"):
        local.obey(Command("bell", "loud"))
    assert local.bell == "mentions"


@pytest.mark.parametrize(
    ("words", "room"),
    [
        *[("2", "dev"), ("3", "ops"), ("dev", "dev"), ("#OPS", "ops")],
        *[(words, None) for words in ("", "no", "²")],
    ],
)
def test_a_window_is_gone_to_by_its_number_or_name(place: Told, words: str, room: str | None) -> None:
    assert obeyed(place, ("room", words)) == [room is not None]
    assert place.windows.current.room == (room or "lobby")


@pytest.mark.parametrize("words", ["9", "0", "9" * 5000])
def test_a_window_that_is_not_there_is_told_of(place: Told, words: str) -> None:
    with pytest.raises(Refused, match=r"there is no window (9|0)"):
        obeyed(place, ("room", words))


def test_a_window_is_closed_here_only_when_we_are_not_in_the_room(desk: Desk, place: Told) -> None:
    desk.ops.people.clear()
    assert obeyed(place, ("leave", "dev"), ("leave", ""), ("leave", "no"), ("leave", "#OPS")) == [False] * 3 + [True]
    assert [window.room for window in desk.windows] == ["lobby", "dev"]
    desk.lobby.people.clear()
    assert obeyed(place, ("leave", "")) == [True]
    assert desk.windows.current is desk.dev


def test_help_tells_of_our_own_commands_beside_the_server_s(place: Told) -> None:
    assert obeyed(place, ("help", ""), ("help", "/bell"), ("help", "who"), ("keys", "")) == [False, True, False, True]
    assert place.notices[0] == USAGE["bell"]
    local = Local(place, "off")
    local.helped({"who": {}})
    local.helped(7)
    assert len(place.notices) == 2
    local.helped({"who": {}, "me": {}})
    assert all(f"/{name}" in place.notices[2] for name in USAGE)


def test_the_rest_is_the_server_s(desk: Desk, place: Told) -> None:
    desk.happens("said", text="hi")
    assert obeyed(place, ("who", ""), ("quit", " lunch "), ("clear", "")) == [False, True, True]
    assert not Local(place, "off").obey(Command("bell", fields={}))
    assert (place.left, shown(desk.lobby)) == (["lunch"], [])


def test_what_is_completed_is_a_mapping_from_the_start(desk: Desk) -> None:
    commands: Mapping[str, str] = Known(desk.windows, lambda _: None).commands
    assert commands == USAGE
