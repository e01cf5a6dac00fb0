"""The client in several rooms: each read once and in order, and what is typed for one is never said in another, wherever
connections are cut and servers end. A real server in memory, as in test_client_core.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.address import Address
from chatroom.client.connection import Link
from chatroom.client.core import Conversation
from chatroom.client.face import Said
from chatroom.client.identity import Identity
from chatroom.client.whereabouts import ANYWHERE
from chatroom.commands import COMMANDS
from chatroom.request import Command, Refused
from chatroom.rights import Right
from chatroom.wire.text import TEXT

from .chatting import JsonClient
from .test_client_core import BYTES, EVERYTHING, Cable, step

PASSWORD = "correct horse"

ROOMS = ("lobby", "dev", "ops")


class Rooms(Cable):
    """A server where anybody opens rooms, and where dev and ops are open; alice, whose they are, is in all."""

    alice: JsonClient

    def __init__(self, *rooms: str, nick: str = "bot", password: str = "", history: int = 0, **settings: Any) -> None:
        super().__init__(**{"room_creation": Right.CHAT, **settings})
        self.comes("alice", *ROOMS[1:], password=PASSWORD)
        if password:
            self.comes(nick, password=password)
        self.conversation = Conversation(
            self.face, "c-", Identity(nick, password=password), rooms=rooms, history=history
        )
        self.link = Link(self.time, Address("there:6000", self), self.conversation, jitter=lambda: 0.5)

    def comes(self, nick: str, *rooms: str, password: str = "") -> JsonClient:
        """Somebody comes, into these rooms too; or only to get an account."""
        somebody: JsonClient = self.world.connect(client=JsonClient)
        somebody.ask("hello", nick=nick)
        if password:
            somebody.ask("register", password=password)
        for room in rooms:
            somebody.ask("join", room=room)
        if nick == "alice":
            self.alice = somebody
        elif password:
            somebody.ask("quit")
        self.world.settle()
        return somebody

    def type(self, *lines: str) -> None:
        """As a face does: what cannot be taken yet waits."""
        for line in lines:
            for _ in range(200):
                if self.conversation.takes_more:
                    break
                self.after(1)
                self.go_on()
            command = TEXT.parse(line.encode(), True)
            assert command is not None
            try:
                self.conversation.ask(command)
            except Refused as refused:
                self.face.show({"refused": {"code": refused.code, "words": refused.words}}, own=True)
            self.conversation.send()

    def reply(self, *lines: Said) -> None:
        for line in lines:
            self.conversation.received(json.dumps(line).encode())

    def entries(self, room: str) -> list[Any]:
        found: list[Any] = []
        self.storage.read(f"#{room}", limit=EVERYTHING).addCallback(found.extend)
        return found

    def texts(self, room: str = "lobby") -> list[str]:
        return [entry.event.text for entry in self.entries(room) if entry.event.kind.value == "said"]

    def heard(self, room: str) -> list[str]:
        """What was shown of a room, as it came."""
        return [said["text"] for said in self.face.said if said.get("event") == "said" and said["room"] == room]

    def codes(self) -> list[str]:
        return [said["refused"]["code"] for said in self.face.of("refused")]

    def told(self, kind: str) -> list[Said]:
        return [said for said in self.face.of("event") if said["event"] == kind]


@pytest.fixture
def cable() -> Rooms:
    """Who is in lobby and dev, and talks in dev."""
    rooms = Rooms()
    rooms.enter()
    rooms.type("/join dev")
    rooms.go_on()
    return rooms


# Joined and left


def test_who_joins_a_room_is_told_how_it_is_and_talks_there(cable: Rooms) -> None:
    (answer,) = cable.face.of("answer")
    assert (answer["answer"], answer["room"], answer["others"]) == ("join", "dev", ["alice"])
    cable.type("hello")
    cable.go_on()
    cable.alice.ask("say", room="dev", text="hi")
    cable.alice.ask("say", room="lobby", text="you there?")
    cable.go_on()
    assert (cable.texts(), cable.texts("dev")) == (["you there?"], ["hello", "hi"])
    assert (cable.heard("lobby"), cable.heard("dev")) == (["you there?"], ["hello", "hi"])
    assert list(cable.conversation.rooms) == ["lobby", "dev"]


def test_what_follows_a_join_waits_for_its_answer_and_is_said_there(cable: Rooms) -> None:
    cable.type("/join ops")
    assert not cable.conversation.takes_more
    assert cable.conversation.moving
    cable.type("hello")
    cable.go_on()
    assert cable.texts("ops") == ["hello"]


def test_a_room_is_chosen_and_asked_for(cable: Rooms) -> None:
    cable.type("/room #lobby", "one", "/room", "#dev two", "#dev /me waves", "three")
    cable.go_on()
    assert (cable.texts(), cable.texts("dev")) == (["one", "three"], ["two"])
    assert [answer["room"] for answer in cable.face.of("answer")][1:] == ["lobby", "lobby"]
    assert cable.told("did")[0]["room"] == "dev"


def test_who_joins_a_room_in_which_they_are_talks_there(cable: Rooms) -> None:
    cable.type("/room lobby", "/join DEV", "hello")
    cable.go_on()
    assert cable.texts("dev") == ["hello"]


def test_who_leaves_a_room_talks_in_another_and_in_the_end_in_none(cable: Rooms) -> None:
    cable.type("/leave 2 busy", "hello", "/leave lobby", "nobody hears this", "/join ops", "hi")
    cable.go_on()
    assert [(said["room"], said["nick"], said.get("reason")) for said in cable.told("parted")] == [
        ("dev", "bot", "2 busy"),
        ("lobby", "bot", None),
    ]
    assert (cable.texts(), cable.texts("dev"), cable.texts("ops")) == (["hello"], [], ["hi"])
    assert cable.codes() == ["not_in_room"]
    assert cable.conversation.under_way == 0


def test_who_is_in_no_room_comes_back_to_none_and_may_ask(cable: Rooms) -> None:
    cable.type("/leave", "/leave")
    cable.go_on()
    cable.cut()
    cable.recover()
    assert list(cable.conversation.rooms) == []
    cable.type("/rooms", "/leave", "/who")
    cable.go_on()
    assert "rooms" in cable.face.of("answer")[-1]
    assert cable.codes() == ["not_in_room", "not_in_room"]


def test_talk_goes_where_the_face_says_whatever_the_server_thinks(cable: Rooms) -> None:
    conversation = cable.conversation
    conversation.talk_in("lobby")
    assert (conversation.room, conversation.moving, conversation.asks) == ("lobby", False, True)
    cable.type("one", "/who", "/me waves")
    cable.cut()
    conversation.talk_in("dev")
    conversation.ask(Command("say", "two"))
    conversation.ask(Command("who"))
    conversation.talk_in("lobby")
    cable.recover()
    cable.type("three")
    cable.go_on()
    assert (cable.texts(), cable.texts("dev")) == (["one", "three"], ["two"])
    answers = [said["words"] for said in cable.face.of("answer") if said["answer"] == "who"]
    assert [words.split(":")[0] for words in answers] == ["2 in #lobby", "2 in #dev"]
    assert cable.told("did")[0]["room"] == "lobby"


def test_who_says_that_they_talk_where_they_are_not_is_refused(cable: Rooms) -> None:
    for room in ("attic", ""):
        cable.conversation.talk_in(room)
        with pytest.raises(Refused, match="not_in_room"):
            cable.conversation.ask(Command("say", "nobody hears this"))
    assert cable.conversation.under_way == 0


@pytest.mark.parametrize("line", ["/join no room", "/join", "/leave attic", "/room"])
def test_what_is_refused_or_moves_nothing_changes_nothing(cable: Rooms, line: str) -> None:
    cable.type(line)
    cable.go_on()
    cable.conversation.informed()
    cable.type("hello")
    cable.go_on()
    assert cable.texts("dev") == ["hello"]


@pytest.mark.parametrize("line", ["/join priv", "/room attic"])
def test_what_was_typed_for_a_room_that_is_refused_is_said_nowhere(cable: Rooms, line: str) -> None:
    cable.alice.ask("join", room="priv")
    cable.alice.ask("private", on=True)
    cable.go_on()
    cable.type(line, "a secret", "/topic a secret", "/nick robot")
    cable.go_on()
    assert cable.codes()[-2:] == ["not_in_room", "not_in_room"]
    assert cable.conversation.nick == "robot"
    cable.type("/room lobby", "hello")
    cable.go_on()
    assert [cable.texts(room) for room in (*ROOMS, "priv")] == [["hello"], [], [], []]


def test_who_has_seen_that_a_room_is_refused_talks_where_they_did(cable: Rooms) -> None:
    cable.type("/room attic")
    cable.go_on()
    cable.conversation.informed()
    cable.type("hello")
    cable.go_on()
    assert cable.texts("dev") == ["hello"]


def test_each_command_is_known_to_be_the_same_in_every_room_or_not() -> None:
    before = {"enter", "hello", "echo", "quit"}
    assert {ask.name for ask in COMMANDS if not ask.in_room} - before == ANYWHERE - {"leave", "room"}


# Put out


def put_out(cable: Rooms, how: str) -> None:
    cable.alice.ask(how, **{"nick" if how == "kick" else "target": "bot"}, room="dev", why="enough")
    cable.world.settle()


@pytest.mark.parametrize(("how", "kind"), [("kick", "kicked"), ("ban", "banned")])
def test_who_is_put_out_says_nothing_elsewhere_until_they_choose(cable: Rooms, how: str, kind: str) -> None:
    cable.type("before")
    cable.go_on()
    put_out(cable, how)
    cable.type("crossed")
    cable.go_on()
    assert [said["event"] for said in cable.face.of("event")][-2:] == [kind, "parted"]
    assert cable.told("parted")[0]["put_out"]
    assert cable.codes() == [kind, "not_in_room"]
    cable.type("after", "/topic after", "/room lobby", "hello")
    cable.go_on()
    assert (cable.texts(), cable.texts("dev")) == (["hello"], ["before"])
    assert list(cable.conversation.rooms) == ["lobby"]


def test_who_is_put_out_while_away_is_told_and_what_was_under_way_is_said_nowhere(cable: Rooms) -> None:
    cable.type("one")
    cable.conversation.ask(Command("topic", "of dev"))
    cable.conversation.ask(Command("nick", "robot"))
    cable.cut()
    put_out(cable, "kick")
    cable.recover()
    assert {"notice": "you are not in #dev any more"} in cable.face.said
    assert cable.codes() == ["not_in_room", "not_in_room"]
    assert [cable.texts(room) for room in ROOMS] == [[], [], []]
    assert cable.told("set") == []
    assert (cable.conversation.nick, cable.conversation.under_way) == ("robot", 0)


def test_who_is_put_off_the_server_stays_out(cable: Rooms) -> None:
    cable.reply({"refused": {"code": "kicked", "words": "alice put you out of this server"}})
    assert cable.face.ends == ["alice put you out of this server"]


# Other devices


@pytest.fixture
def own() -> Rooms:
    """Who has an account."""
    rooms = Rooms(password=PASSWORD)
    rooms.enter()
    return rooms


def other_device(cable: Rooms) -> JsonClient:
    other: JsonClient = cable.world.connect(client=JsonClient)
    other.ask("hello", nick="bot", password=PASSWORD)
    cable.world.settle()
    return other


def test_a_room_joined_on_another_device_is_read_and_talk_stays_where_it_was(own: Rooms) -> None:
    other = other_device(own)
    other.ask("join", room="dev")
    own.alice.ask("say", room="dev", text="welcome")
    own.go_on()
    (joined,) = own.face.of("joined")
    assert (joined["joined"]["room"], joined["joined"]["others"]) == ("dev", ["alice"])
    own.type("hello")
    own.go_on()
    assert (own.heard("dev"), own.texts()) == (["welcome"], ["hello"])
    other.ask("leave", room="dev")
    own.go_on()
    assert list(own.conversation.rooms) == ["lobby"]


def test_rooms_joined_and_left_on_another_device_while_away_are_told(own: Rooms) -> None:
    own.type("/join dev")
    own.go_on()
    other = other_device(own)
    own.cut()
    other.ask("leave", room="dev")
    other.ask("join", room="ops")
    own.recover()
    assert [said["joined"]["room"] for said in own.face.of("joined")] == ["ops"]
    assert {"notice": "you are not in #dev any more"} in own.face.said
    own.alice.ask("say", room="ops", text="hi")
    own.go_on()
    assert own.heard("ops") == ["hi"]


def test_a_room_left_and_joined_again_elsewhere_while_away_is_one_of_ours(own: Rooms) -> None:
    own.type("/join dev")
    own.go_on()
    other = other_device(own)
    own.cut()
    other.ask("leave", room="dev")
    other.ask("join", room="dev")
    own.recover()
    own.type("hello")
    own.go_on()
    assert own.texts("dev") == ["hello"]


def test_an_account_comes_back_to_all_its_rooms(own: Rooms) -> None:
    own.type("/join dev", "one")
    own.go_on()
    own.up = False
    own.cut()
    own.after(200)
    own.alice.ask("say", room="dev", text="two")
    own.recover()
    own.type("three")
    own.go_on()
    assert own.heard("dev") == own.texts("dev") == ["one", "two", "three"]


def test_who_logs_in_is_in_the_rooms_of_both(cable: Rooms) -> None:
    cable.comes("eve", password=PASSWORD)
    other: JsonClient = cable.world.connect(client=JsonClient)
    other.ask("hello", nick="eve", password=PASSWORD)
    other.ask("join", room="ops")
    other.ask("quit")
    cable.world.settle()
    cable.type(f"/login eve {PASSWORD}", "hello")
    cable.alice.ask("say", room="ops", text="hi")
    cable.go_on()
    assert sorted(cable.conversation.rooms) == ["dev", "lobby", "ops"]
    assert (cable.texts("dev"), cable.heard("ops")) == (["hello"], ["hi"])


# Lost, and back


def test_each_room_is_read_on_where_it_was(cable: Rooms) -> None:
    cable.alice.ask("say", room="dev", text="one")
    cable.go_on()
    cable.cut()
    cable.alice.ask("say", room="dev", text="two")
    cable.alice.ask("say", room="lobby", text="three")
    cable.recover()
    assert (cable.heard("dev"), cable.heard("lobby")) == (["one", "two"], ["three"])
    assert cable.conversation.room == "dev"


@pytest.mark.parametrize("count", range(0, 700, 35))
@pytest.mark.parametrize("line", ["/join ops", "/leave", "/room lobby", "/leave lobby"])
def test_wherever_it_is_cut_a_change_of_rooms_happens_once_and_what_follows_goes_there(line: str, count: int) -> None:
    cable = Rooms()
    cable.enter()
    cable.type("/join dev")
    cable.go_on()
    cable.type("/who", "one", line)
    cable.carry_up()
    cable.carry_down(count)
    cable.cut()
    cable.alice.ask("say", room="ops", text="meanwhile")
    cable.recover()
    cable.type("two")
    cable.go_on()
    there = {"/join ops": "ops", "/leave lobby": "dev"}.get(line, "lobby")
    texts = {room: [text for text in cable.texts(room) if text != "meanwhile"] for room in ROOMS}
    assert texts == {room: ["one"] * (room == "dev") + ["two"] * (room == there) for room in ROOMS}
    assert cable.conversation.under_way == 0
    assert set(cable.conversation.rooms) == {
        "/join ops": {*ROOMS}, "/leave": {"lobby"}, "/leave lobby": {"dev"}
    }.get(line, {"lobby", "dev"})  # fmt: skip
    (answer,) = [said for said in cable.face.of("answer") if f"/{said['answer']}" == line.split()[0]][-1:]
    assert answer["room"] == {"/leave": "dev"}.get(line, line.split()[-1])
    assert [said["room"] for said in cable.face.of("answer") if said["answer"] == "who"] == ["dev"]
    assert cable.codes() == []


def test_a_guest_who_was_away_too_long_comes_into_all_rooms_again(cable: Rooms) -> None:
    cable.type("one")
    cable.carry_up()
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.alice.ask("say", room="lobby", text="two")
    cable.recover()
    cable.type("three")
    cable.go_on()
    assert (cable.texts("dev"), cable.texts()) == (["one", "three"], ["two"])
    assert (cable.heard("dev"), cable.heard("lobby")) == (["one", "three"], ["two"])
    assert cable.conversation.under_way == 0


def test_a_room_that_is_there_no_more_is_told_and_the_rest_goes_on(cable: Rooms) -> None:
    cable.type("/join ops", "one")
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.alice.ask("private", on=True, room="ops")
    cable.alice.ask("say", room="dev", text="two")
    cable.recover()
    assert sorted(cable.conversation.rooms) == ["dev", "lobby"]
    assert cable.codes() == ["no_room", "not_in_room"]
    cable.type("a secret", "/room dev", "three")
    cable.go_on()
    assert [cable.texts(room) for room in ROOMS] == [[], ["two", "three"], []]
    assert cable.heard("dev") == ["two", "three"]


def test_a_room_from_which_they_were_banned_meanwhile_is_told_and_the_rest_goes_on(cable: Rooms) -> None:
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.alice.ask("ban", target="bot", room="dev")
    cable.recover()
    assert list(cable.conversation.rooms) == ["lobby"]
    assert cable.codes() == ["banned"]


def test_positions_in_one_room_may_be_forgotten(cable: Rooms) -> None:
    cable.conversation._where.bookmarks.rooms["dev"] = "999999"
    cable.cut()
    cable.alice.ask("say", room="lobby", text="missed")
    cable.recover()
    assert cable.heard("lobby") == ["missed"]
    cable.type("hello")
    cable.go_on()
    assert cable.texts("dev") == ["hello"]


def test_what_stands_in_several_rooms_is_shown_once(cable: Rooms) -> None:
    bob = cable.comes("bob", "dev")
    bob.ask("nick", name="bert")
    bob.ask("away", reason="lunch")
    cable.go_on()
    cable.cut()
    cable.recover()
    cable.type("/leave lobby")
    cable.go_on()
    cable.cut()
    cable.recover()
    assert [len(cable.told(kind)) for kind in ("renamed", "away")] == [1, 1]


# The rooms to be in


@pytest.mark.parametrize("rooms", [("dev",), ("dev", "ops"), ("#Dev", "ops", "lobby")])
def test_the_rooms_that_were_asked_for_are_entered_and_one_talks_in_the_first(rooms: tuple[str, ...]) -> None:
    cable = Rooms(*rooms)
    cable.enter()
    cable.type("hello")
    cable.go_on()
    assert {*cable.conversation.rooms} == {room.lower().removeprefix("#") for room in rooms}
    assert cable.texts("dev") == ["hello"]
    assert cable.face.of("answer") == []


@pytest.mark.parametrize("rooms", [("attic",), ("attic", "dev"), ("dev", "attic", "cellar")])
def test_what_is_not_there_is_opened_and_the_server_s_first_room_is_left(rooms: tuple[str, ...]) -> None:
    cable = Rooms(*rooms)
    cable.enter()
    cable.type("hello")
    cable.go_on()
    assert {*cable.conversation.rooms} == {*rooms}
    assert cable.texts(rooms[0]) == ["hello"]


def test_a_room_that_may_not_be_opened_ends_it_with_the_server_s_words() -> None:
    cable = Rooms("attic", room_creation=Right.OPERATE)
    cable.enter()
    assert cable.face.ends == ["there is no room #attic, and only operators open rooms here"]
    assert cable.texts() == []


def test_an_account_talks_in_the_room_it_asks_for_and_stays_in_its_others() -> None:
    cable = Rooms("dev", "attic", password=PASSWORD)
    cable.enter()
    cable.type("hello")
    cable.go_on()
    assert {*cable.conversation.rooms} == {"lobby", "dev", "attic"}
    assert cable.texts("dev") == ["hello"]


def test_who_is_here_already_on_another_device_joins_the_room_too() -> None:
    cable = Rooms("dev", password=PASSWORD)
    other_device(cable)
    cable.enter()
    cable.type("hello")
    cable.go_on()
    assert cable.texts("dev") == ["hello"]


def test_history_is_shown_of_each_room_once() -> None:
    cable = Rooms("lobby", "dev", history=5)
    for room in ROOMS:
        cable.alice.ask("say", room=room, text=f"of {room}")
    cable.enter()
    cable.type("/join ops")
    cable.go_on()
    cable.cut()
    cable.recover()
    assert [(said["room"], said["text"]) for said in cable.face.said if said.get("history")] == [
        (room, f"of {room}") for room in ROOMS
    ]


def test_who_was_refused_a_room_talks_in_the_one_they_joined_as_the_connection_was_lost(cable: Rooms) -> None:
    cable.type("/room attic")
    cable.go_on()
    cable.type("/join ops")
    cable.carry_up()
    cable.cut()
    cable.recover()
    cable.type("hello")
    cable.go_on()
    assert cable.texts("ops") == ["hello"]


def test_what_was_said_in_a_room_joined_as_the_connection_was_lost_is_shown_as_history() -> None:
    cable = Rooms(history=5)
    cable.enter()
    cable.type("/join dev")
    cable.carry_up()
    cable.cut()
    cable.alice.ask("say", room="dev", text="missed")
    cable.recover()
    assert [said["text"] for said in cable.face.said if said.get("history")] == ["missed"]
    assert [answer["others"] for answer in cable.face.of("answer")] == [["alice"]]


# Lines of any server


@pytest.mark.parametrize(
    "line",
    [
        {"welcome": {"nick": "bot", "resume": "t", "rooms": {"dev": 5}}},
        {"joined": {"room": 5}},
        {"event": "said", "room": ["dev"], "nick": "bot", "position": "9"},
        {"event": "parted", "room": "attic", "nick": "bot"},
        {"answer": "join", "id": "c-1"},
        {"answer": "leave", "room": [], "id": "c-1"},
        {"refused": {"code": "kicked", "words": "", "room": "attic"}},
    ],
)
def test_no_line_of_a_server_breaks_it(cable: Rooms, line: dict[str, Any]) -> None:
    cable.conversation.ask(Command("room", "dev"))
    cable.reply(line)
    cable.conversation.send()
    cable.go_on()
    cable.type("still here")
    cable.go_on()
    assert cable.texts("dev") == ["still here"]


# The law

STEPS = st.lists(
    st.one_of(
        step("say", st.sampled_from(ROOMS)),
        step("talk"),
        step("type", st.sampled_from([f"/{verb} {room}" for room in ROOMS for verb in ("join", "leave", "room")])),
        step("carry_up", BYTES),
        step("carry_down", BYTES),
        step("cut", st.booleans()),
        step("after", st.sampled_from([0.1, 1.0, 20.0, 200.0])),
        step("others", st.sampled_from(ROOMS)),
        step("renamed"),
        step("kill"),
    ),
    max_size=50,
)


@given(STEPS)
def test_each_room_is_whole_wherever_it_is_cut(steps: list[tuple[Any, ...]]) -> None:
    cable = Rooms(*ROOMS)
    cable.enter()
    typed: dict[str, list[str]] = {room: [] for room in ROOMS}
    ready = True
    for number, (name, *values) in enumerate(steps):
        ready = cable.conversation.takes_more
        if name == "say" and ready:
            typed[values[0]].append(f"{number}")
            cable.conversation.ask(Command("say", fields={"room": values[0], "text": f"{number}"}))
            cable.conversation.send()
        elif name == "talk" and ready and cable.conversation.room in cable.conversation.rooms:
            typed[cable.conversation.room].append(f"{number}")
            cable.type(f"{number}")
        elif name == "type" and ready:
            cable.type(*values)
        elif name == "others":
            cable.comes(f"other{number}", *values).ask("say", room=values[0], text="and we?")
        elif name == "renamed":
            somebody = cable.comes(f"some{number}", *ROOMS[1:])
            somebody.ask("nick", name=f"body{number}")
            cable.world.settle()
        elif name in ("carry_up", "carry_down", "cut", "after", "kill"):
            act: Callable[..., None] = getattr(cable, name)
            act(*values)
    cable.recover()
    assert (cable.conversation.under_way, cable.face.ends) == (0, [])
    assert cable.conversation.takes_more
    refused = len(cable.codes())
    said = {room: [text for text in cable.texts(room) if text.isdecimal()] for room in ROOMS}
    for room in ROOMS:
        kept = iter(typed[room])
        assert all(text in kept for text in said[room])  # in order, once, and no other room's
    assert sum(len(typed[room]) - len(said[room]) for room in ROOMS) <= refused
    flow = [(event["room"], int(event["position"])) for event in cable.face.of("event") if not event.get("history")]
    for room in ROOMS:
        positions = [position for one, position in flow if one == room]
        assert positions == sorted({*positions})
    eids = [event["eid"] for event in cable.face.of("event") if not event.get("history")]
    assert len(eids) == len({*eids})


@given(
    st.lists(
        st.one_of(
            step("talk"),
            *[step("cut", st.booleans()), step("kill"), step("others")],
            step("carry_up", BYTES),
            step("carry_down", BYTES),
            step("after", st.sampled_from([1.0, 20.0, 200.0])),
        ),
        max_size=50,
    )
)
def test_who_stays_in_two_rooms_reads_all_of_both_and_says_all_in_the_right_one(steps: list[tuple[Any, ...]]) -> None:
    cable = Rooms("lobby", "dev")
    cable.enter()
    starts = {room: int(str(cable.entries(room)[-1].position)) for room in ROOMS[:2]}
    typed: dict[str, list[str]] = {room: [] for room in ROOMS[:2]}
    for number, (name, *values) in enumerate(steps):
        if name == "talk":
            room = ROOMS[number % 2]
            typed[room].append(f"{number}")
            cable.conversation.ask(Command("say", fields={"room": room, "text": f"{number}"}))
            cable.conversation.send()
        elif name == "others":
            cable.comes(f"other{number}", "dev").ask("say", room=ROOMS[number % 2], text="and we?")
        else:
            act: Callable[..., None] = getattr(cable, name)
            act(*values)
    cable.recover()
    assert (cable.conversation.under_way, cable.face.ends) == (0, [])
    shown = [event for event in cable.face.of("event") if not event.get("history")]
    for room in ROOMS[:2]:
        assert [text for text in cable.texts(room) if text.isdecimal()] == typed[room]
        assert cable.heard(room) == cable.texts(room)
        positions = [int(event["position"]) for event in shown if event["room"] == room]
        assert positions == sorted({*positions})
    behind = {
        entry.event.eid for room in starts for entry in cable.entries(room) if int(str(entry.position)) > starts[room]
    }
    assert sorted(event["eid"] for event in shown) == sorted(behind)
