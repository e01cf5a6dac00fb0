"""The law of the screen: each line that is typed and taken is said once, in the room that was looked at when Enter was pressed,
and is seen once, wherever connections are cut, servers end and windows change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .test_client_core import BYTES, step
from .test_client_rooms import ROOMS
from .test_screen_face import Desk

NETWORK = (
    step("carry_up", BYTES),
    step("carry_down", BYTES),
    step("cut", st.booleans()),
    step("kill"),
    step("after", st.sampled_from([0.1, 1.0, 20.0])),
)


def run(desk: Desk, name: str, *values: Any) -> None:
    act: Callable[..., None] = getattr(desk, name)
    act(*values)


def seen(desk: Desk) -> dict[str, list[str]]:
    """Our own numbers, as they stand in each window."""
    found: dict[str, list[str]] = {}
    for room in desk.names:
        talk = [text.removeprefix("bot: ") for text in desk.talk(room)]
        found[room] = [text for text in talk if text.isdecimal()]
    return found


def is_settled(desk: Desk) -> None:
    assert not desk.is_over()
    assert desk.conversation.takes_more
    assert desk.conversation.under_way == 0
    assert "not sent" not in "".join("".join(desk.shown(room)) for room in desk.names)
    assert not any("pending" in cell.style for room in desk.names for row in desk.rows(room) for cell in row)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            *NETWORK,
            step("type"),
            step("type"),
            step("window", st.integers(1, 3)),
            step("beside", st.sampled_from([1, -1])),
            step("says", st.sampled_from(ROOMS)),
            step("turn", st.integers(-20, 20)),
        ),
        max_size=50,
    )
)
def test_each_line_is_said_once_in_the_room_that_was_looked_at_and_seen_once(steps: list[tuple[Any, ...]]) -> None:
    desk = Desk(*ROOMS)
    desk.enter()
    assert {*desk.names} == {*ROOMS}
    typed: dict[str, list[str]] = {room: [] for room in ROOMS}
    for number, (name, *values) in enumerate(steps):
        if name == "type":
            typed[desk.looks_at].append(f"{number}")
            assert desk.seen.submit(f"{number}")
        elif name == "says":
            desk.comes(f"other{number}", *ROOMS[1:]).ask("say", room=values[0], text=f"x{number}")
        elif name == "turn":
            desk.seen.turn(values[0], 80, 10)
        elif name in ("window", "beside"):
            getattr(desk.seen, name)(*values)
        else:
            run(desk, name, *values)
        assert desk.looks_at == desk.conversation.room
    desk.recover()
    is_settled(desk)
    assert {room: [text for text in desk.texts(room) if text.isdecimal()] for room in ROOMS} == typed
    assert seen(desk) == typed


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            *NETWORK,
            step("type"),
            step("type"),
            step("ask", st.sampled_from([f"/{verb} {room}" for room in ROOMS for verb in ("join", "leave", "room")])),
            step("window", st.integers(1, 3)),
            step("kicked", st.sampled_from(ROOMS[1:])),
        ),
        max_size=40,
    )
)
def test_nothing_is_ever_said_in_another_room_than_was_looked_at_or_asked_for(steps: list[tuple[Any, ...]]) -> None:
    desk = Desk(*ROOMS)
    desk.enter()
    meant: dict[str, set[str]] = {}
    asked: set[str] = set()
    for number, (name, *values) in enumerate(steps):
        if not (desk.conversation.moving or desk.seen._asking.held):
            asked.clear()
        if name == "type":
            if desk.seen.submit(f"{number}"):
                meant[f"{number}"] = {desk.looks_at, *asked}
        elif name == "ask":
            asked |= {values[0].split()[1]} if not values[0].startswith("/leave") else set()
            desk.seen.submit(values[0])
        elif name == "window":
            if desk.seen.windows.at(values[0]):
                asked.clear()
            desk.seen.window(values[0])
        elif name == "kicked":
            desk.alice.ask("kick", nick="bot", room=values[0])
            desk.world.settle()
        else:
            run(desk, name, *values)
    desk.recover()
    assert not desk.is_over()
    assert desk.conversation.under_way == 0
    assert not desk.seen._asking.held
    said = [(text, room) for room in ROOMS for text in desk.texts(room) if text.isdecimal()]
    assert all(room in meant[text] for text, room in said)
    assert len({text for text, _ in said}) == len(said)
    for room in desk.names:
        talk = [text for text in desk.talk(room) if text.removeprefix("bot: ").isdecimal()]
        assert len(talk) == len({*talk})
        assert {text.removeprefix("bot: ") for text in talk} <= {*desk.texts(room)}
    assert "not sent yet" not in "".join("".join(desk.shown(room)) for room in desk.names)
