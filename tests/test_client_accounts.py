"""The client and accounts: it comes in as who it is, asks a person for what the server wants to know, shows each private
message once, and never asks or tries without end. A real server in memory, as in test_client_core.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.address import Address
from chatroom.client.connection import WELCOME_TIMEOUT, Link
from chatroom.client.core import Conversation
from chatroom.client.identity import Identity
from chatroom.client.questions import Decided, Dialogue, Interview, Question, before
from chatroom.event import Kind
from chatroom.request import Command

from .chatting import JsonClient
from .test_client_core import BYTES, EVERYTHING, Cable, Witness, step

PASSWORD = "correct horse"
OTHER = "battery staple"


class Asked(Witness):
    """A face of a person who can be asked; `questions` are the words of what is asked, newest last."""

    def __init__(self, can_be: bool = True) -> None:
        super().__init__()
        self.questions: list[str] = []
        self.hidden = False
        self._can_be = can_be
        self._interview = Interview(self._put)

    def _put(self, question: Question | None) -> None:
        self.hidden = bool(question and question.hidden)
        if question:
            self.questions.append(question.words)

    def question(self, dialogue: Dialogue, decided: Decided) -> bool:
        if self._can_be:
            self._interview.begin(dialogue, decided)
        return self._can_be

    def answer(self, text: str) -> None:
        assert self._interview.under_way
        self._interview.answer(text)


class AccountCable(Cable):
    """A server where bot, or who is named, has an account; and alice writes to them."""

    face: Asked

    def __init__(
        self, can_be: bool = True, *names: str, password: str = "", server_password: str = "", **settings: Any
    ):
        super().__init__(**settings)
        for name in names or ("bot",):
            self.register(name)
        self.face = Asked(can_be)
        self.conversation = Conversation(self.face, "c-", Identity("bot", "", password, server_password))
        self.link = Link(self.time, Address("there:6000", self), self.conversation, jitter=lambda: 0.5)

    def register(self, name: str) -> None:
        owner = self.world.connect(client=JsonClient)
        if self.world.chat.settings.password:
            owner.ask("hello", nick=name, server_password=self.world.chat.settings.password)
        else:
            owner.ask("hello", nick=name)
        owner.ask("register", password=PASSWORD)
        owner.ask("quit")
        self.world.settle()

    def stranger(self, nick: str = "alice") -> JsonClient:
        somebody: JsonClient = self.world.connect(client=JsonClient)
        somebody.ask("hello", nick=nick)
        self.world.settle()
        return somebody

    def ask(self, name: str, words: str = "", **fields: object) -> None:
        self.conversation.ask(Command(name, words, fields or None))
        self.conversation.send()
        self.go_on()

    def answer(self, text: str) -> None:
        self.face.answer(text)
        self.go_on()

    def privates(self) -> list[str]:
        """What came as private messages, however it was shown."""
        return [said["text"] for said in self.face.of("event") if said["event"] == "private"]

    def privates_in_order(self) -> list[str]:
        """Each as it came first: what /inbox shows again, comes a second time."""
        first: list[str] = []
        asked = [said for said in self.face.said if said.get("event") == "private"]
        live = [said for said in asked if not said.get("history")]
        assert len({said["position"] for said in live}) == len(live)
        for said in asked:
            if said["text"] not in first:
                first.append(said["text"])
        return first

    def reply(self, *lines: dict[str, Any]) -> None:
        for line in lines:
            self.conversation.received(json.dumps(line).encode())


@pytest.fixture
def own() -> AccountCable:
    """Who came in with a password."""
    return AccountCable(password=PASSWORD).enter()  # type: ignore[return-value]


# Coming in


def test_a_password_that_is_known_is_said_at_once(own: AccountCable) -> None:
    (welcome,) = own.face.welcomes
    assert (welcome["nick"], welcome["account"]) == ("bot", True)
    assert own.face.questions == []
    assert own.conversation.takes_more
    assert own.conversation.account


def test_the_nickname_of_an_account_is_asked_for_its_password() -> None:
    cable = AccountCable().enter()
    assert isinstance(cable, AccountCable)
    assert cable.face.questions == [
        "bot is somebody's own. What is the password of bot? (An empty line: another nickname.)"
    ]
    assert cable.face.hidden
    assert not cable.conversation.takes_more
    cable.answer("wrong one")
    assert cable.face.questions[-1].startswith("wrong name or password; what is the password of bot?")
    cable.answer(PASSWORD)
    assert cable.conversation.account
    assert not cable.face.hidden
    assert cable.face.ends == []


def test_who_does_not_know_it_takes_another_nickname_or_goes() -> None:
    cable = AccountCable(True, "bot", "eve")
    cable.enter()
    cable.answer("")
    assert cable.face.questions[-1] == "What nickname would you like?"
    assert not cable.face.hidden
    cable.answer("eve")
    assert cable.face.questions[-1].startswith("eve is somebody's own.")
    cable.answer("")
    cable.answer("no/name")
    assert cable.face.questions[-1] == "a nickname cannot hold / (U+002F, solidus). What nickname would you like?"
    cable.answer("bert")
    assert (cable.conversation.nick, cable.conversation.account) == ("bert", False)
    cable = AccountCable()
    cable.enter()
    cable.answer("")
    cable.answer("")
    assert cable.face.ends == ["you did not come in"]


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "bot is somebody's own. What is the password of bot?"),
        ("wrong one", "wrong name or password"),
    ],
)
def test_who_cannot_be_asked_is_told_and_it_is_over(password: str, words: str) -> None:
    cable = AccountCable(False, password=password)
    cable.enter()
    assert cable.face.ends == [words]
    tries = cable.tries
    cable.recover()
    assert cable.tries == tries or len(cable.face.ends) >= 1


def test_too_many_wrong_ones_end_it() -> None:
    cable = AccountCable()
    cable.enter()
    for number in range(6):
        assert cable.face.ends == []
        cable.answer(f"wrong {number}")
    (why,) = cable.face.ends
    assert why.startswith("too many tries to log in")


def test_a_person_may_think_for_as_long_as_they_like() -> None:
    cable = AccountCable()
    cable.enter()
    cable.after(WELCOME_TIMEOUT)
    assert not cable.transport.aborting
    for _ in range(5):
        cable.after(100)  # the server lets go of who is so slow
        cable.go_on()
    assert cable.tries > 1
    assert len(cable.face.questions) == 1
    assert (cable.face.ends, cable.face.troubles, cable.face.said) == ([], [], [])
    cable.answer(PASSWORD)
    cable.recover()
    assert cable.conversation.account


def test_an_answer_while_there_is_no_connection_is_said_on_the_next() -> None:
    cable = AccountCable()
    cable.enter()
    cable.up = False
    cable.cut()
    cable.answer(PASSWORD)
    assert cable.face.troubles == ["there:6000 closed the connection"]
    cable.recover()
    assert cable.conversation.account
    assert len(cable.face.questions) == 1


def test_an_answer_while_the_next_hello_is_on_its_way_counts() -> None:
    cable = AccountCable()
    cable.enter()
    cable.cut()
    cable.after(1)
    cable.face.answer(PASSWORD)
    cable.go_on()
    assert cable.conversation.account
    assert len(cable.face.questions) == 1


def test_a_number_is_not_put_behind_into_the_account_of_another() -> None:
    cable = AccountCable(True, "bot2")
    cable.world.enter("bot")
    cable.enter()
    assert cable.conversation.nick == "bot3"
    assert cable.face.questions == []


def test_the_server_s_password_is_asked_for_and_kept() -> None:
    cable = ServerPassword()
    cable.enter()
    assert cable.face.questions == ["This server has a password; what is it?"]
    cable.answer("wrong one")
    assert cable.face.questions[-1] == "That is not the server's password; what is it?"
    cable.answer(OTHER)
    assert cable.conversation.nick == "bot"
    cable.cut()
    cable.up = False
    cable.after(200)
    cable.recover()
    assert len(cable.face.welcomes) == 2
    assert len(cable.face.questions) == 2


class ServerPassword(AccountCable):
    """A server that has one itself."""

    def __init__(self, **settings: Any) -> None:
        self._more = settings
        super().__init__(True, "eve")

    def start(self) -> None:
        self._settings = {"password": OTHER, **self._more}
        super().start()


def test_a_server_password_from_a_file_lets_in_without_asking() -> None:
    cable = ServerPassword()
    cable.conversation = Conversation(cable.face, "c-", Identity("bot", server_password=OTHER))
    cable.link = Link(cable.time, Address("there", cable), cable.conversation)
    cable.enter()
    assert cable.face.questions == []
    assert cable.conversation.takes_more


def test_where_only_accounts_are_let_in_one_is_made() -> None:
    cable = ServerPassword(guests=False)
    cable.enter()
    cable.answer(OTHER)
    assert cable.face.questions[-1] == (
        "bot is free, and only accounts are let in here. What is to be its password? "
        "(8 characters or more; an empty line: none.)"
    )
    cable.answer("short")
    assert cable.face.questions[-1].startswith("A password has at least 8 characters. ")
    cable.answer(PASSWORD)
    cable.answer("another one")
    assert cable.face.questions[-1].startswith("These were two passwords.")
    cable.answer(PASSWORD)
    cable.answer(PASSWORD)
    assert cable.conversation.account
    assert cable.conversation.takes_more
    cable.cut()
    cable.up = False
    cable.after(200)
    cable.recover()
    assert cable.conversation.account
    assert len(cable.face.welcomes) == 2


def test_where_the_operators_make_the_accounts_it_is_over() -> None:
    cable = AccountCable(True, "eve")
    cable._settings = {"guests": False, "registration": False}
    cable.start()
    cable.enter()
    assert cable.face.ends == [
        "the operators make the accounts here; only accounts are let in here: /login NAME PASSWORD"
    ]


# Becoming somebody else


def test_who_logs_in_is_somebody_else_and_reads_on() -> None:
    cable = AccountCable(True, "alice")
    cable.enter()
    cable.conversation.ask(Command("say", "one"))
    cable.conversation.ask(Command("login", f"alice {PASSWORD}"))
    assert not cable.conversation.takes_more
    cable.conversation.send()
    cable.go_on()
    assert (cable.conversation.nick, cable.conversation.account) == ("alice", True)
    assert cable.conversation.takes_more
    (shown,) = cable.face.of("welcome")
    assert "resume" not in shown["welcome"]
    cable.say("two")
    cable.cut()
    cable.recover()
    assert cable.texts() == ["one", "two"]
    assert (
        cable.face.flow
        == [str(entry.position) for entry in cable.log() if int(str(entry.position)) > 2][-len(cable.face.flow) :]
    )
    assert cable.conversation.nick == "alice"


@pytest.mark.parametrize("count", range(0, 900, 60))
def test_wherever_it_is_cut_a_login_happens_and_what_follows_is_said_once(count: int) -> None:
    cable = AccountCable(True, "alice")
    cable.enter()
    cable.say("one")
    cable.conversation.ask(Command("login", f"alice {PASSWORD}"))
    cable.conversation.send()
    cable.carry_up()
    cable.carry_down(count)
    cable.cut()
    cable.recover()
    cable.say("two")
    cable.carry_up()
    cable.cut()
    cable.after(200)
    cable.recover()
    assert (cable.conversation.nick, cable.conversation.account) == ("alice", True)
    assert cable.conversation.under_way == 0
    assert sorted(cable.texts()) == ["one", "two"]
    assert cable.face.questions == []


def test_a_login_that_is_refused_changes_nothing(own: AccountCable) -> None:
    cable = AccountCable(True, "alice")
    cable.enter()
    cable.ask("login", "alice wrong one")
    assert [said["refused"]["code"] for said in cable.face.of("refused")] == ["login_failed"]
    assert cable.conversation.takes_more
    assert cable.conversation.nick == "bot"


def test_who_registers_comes_in_again_with_that_password() -> None:
    cable = AccountCable(True, "eve")
    cable.enter()
    cable.ask("register", PASSWORD)
    assert cable.conversation.account
    cable.ask("password", old=PASSWORD, new=OTHER)
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.recover()
    assert len(cable.face.welcomes) == 2
    assert cable.face.welcomes[1]["account"]
    assert cable.face.questions == []


@pytest.mark.parametrize(
    ("name", "fields", "kind"), [("logout", {}, "answer"), ("forget-me", {"sure": True}, "refused")]
)
def test_who_logs_out_or_is_forgotten_leaves(own: AccountCable, name: str, fields: dict[str, Any], kind: str) -> None:
    own.ask(name, **fields)
    assert own.face.ends[0] == ""
    assert own.conversation.under_way == 0
    assert len(own.face.of(kind)) == 1
    assert len(own.face.welcomes) == 1


def test_a_password_changed_elsewhere_is_asked_for(own: AccountCable) -> None:
    other = own.world.connect(client=JsonClient)
    other.ask("hello", nick="bot", password=PASSWORD)
    other.ask("password", old=PASSWORD, new=OTHER)
    own.go_on()
    assert [said["refused"]["code"] for said in own.face.of("refused")] == ["password_changed"]
    own.recover()
    assert len(own.face.questions) == 1
    own.answer(OTHER)
    assert own.conversation.takes_more


def test_an_account_that_is_removed_elsewhere_ends_it(own: AccountCable) -> None:
    other = own.world.connect(client=JsonClient)
    other.ask("hello", nick="bot", password=PASSWORD)
    other.ask("forget-me", sure=True)
    own.go_on()
    assert own.face.ends[0] == "your account is no more; farewell"


def test_who_has_come_back_elsewhere_does_not_fight_for_it(own: AccountCable) -> None:
    own.reply({"refused": {"code": "resumed", "words": "you came back on another connection"}})
    assert own.face.ends == ["you came back on another connection"]


def test_a_guest_whose_nickname_became_another_s_meanwhile_gets_a_number() -> None:
    cable = AccountCable(False, "eve")
    cable.enter()
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.register("bot")
    cable.recover()
    assert cable.conversation.nick == "bot2"


# Private messages


def test_private_messages_do_not_move_the_room_s_position(own: AccountCable) -> None:
    alice = own.stranger()
    alice.ask("say", text="before")
    for number in range(5):
        alice.ask("msg", to="bot", text=f"secret {number}")
    own.go_on()
    alice.ask("say", text="after")
    own.cut()
    alice.ask("msg", to="bot", text="while away")
    own.recover()
    assert own.privates() == [*(f"secret {number}" for number in range(5)), "while away"]
    assert [said["text"] for said in own.face.of("event") if said["event"] == "said"] == ["before", "after"]


def test_one_s_own_is_an_outcome_and_is_answered(own: AccountCable) -> None:
    own.stranger()
    own.conversation.ask(Command("msg", "alice hi there"))
    own.conversation.ask(Command("msg", "nobody hi"))
    own.conversation.send()
    assert own.conversation.under_way == 2
    own.go_on()
    assert own.conversation.under_way == 0
    assert own.privates() == ["hi there"]
    assert [said["refused"]["code"] for said in own.face.of("refused")] == ["nobody"]
    (answer,) = own.face.of("answer")
    assert (answer["answer"], answer["to"]) == ("msg", "alice")


@pytest.mark.parametrize("kind", ["private", "said"])
@pytest.mark.parametrize("repeat_first", [False, True])
def test_what_was_under_way_when_it_was_cut_and_is_sent_again_is_shown_once(
    own: AccountCable, kind: str, repeat_first: bool
) -> None:
    own.conversation.ask(Command("msg", "bot hi") if kind == "private" else Command("say", "hi"))
    own.conversation.send()
    event = {"event": kind, "nick": "bot", "to": "bot", "text": "hi", "id": "c-1", "position": "9"}
    repeat = {**event, "history": True}  # the server answers what it was sent again
    own.reply(*([repeat, event] if repeat_first else [event, repeat]))
    outcome = [repeat] if repeat_first else []  # told, so that nothing waits any more; both faces show it but once
    assert own.face.of("event") == [*outcome, event]
    assert own.conversation.under_way == 0
    own.conversation.ask(Command("inbox"))
    own.reply(repeat)
    assert own.face.of("event") == [*outcome, event, repeat]


def test_what_came_while_away_is_history_once(own: AccountCable) -> None:
    alice = own.stranger()
    own.conversation.leave()
    own.go_on()
    own.link.stop()
    for number in range(3):
        alice.ask("msg", to="bot", text=f"secret {number}")
    own.world.settle()
    own.face = Asked()
    own.conversation = Conversation(own.face, "d-", Identity("bot", "", PASSWORD))
    own.link = Link(own.time, Address("there:6000", own), own.conversation, jitter=lambda: 0.5)
    own.link.start()
    own.carry_up()
    own.world.settle()
    text = own.person.text()
    own.carry_down(text.index("secret 1") + 20)  # the second came in part only
    own.cut()
    alice.ask("msg", to="bot", text="secret 3")
    own.recover()
    own.ask("inbox", "2")
    own.cut()
    own.recover()
    assert own.privates() == ["secret 0", "secret 1", "secret 2", "secret 3", "secret 2", "secret 3"]


def test_a_new_guest_has_read_nothing_of_a_new_inbox() -> None:
    cable = AccountCable(True, "eve")
    cable.enter()
    alice = cable.stranger()
    for number in range(5):
        alice.ask("msg", to="bot", text=f"secret {number}")
    cable.go_on()
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.recover()
    cable.cut()
    alice.ask("say", text="heard")
    cable.world.settle()
    alice.ask("msg", to="bot", text="of the other")
    cable.recover()
    assert cable.privates() == [*(f"secret {number}" for number in range(5)), "of the other"]
    assert [said["text"] for said in cable.face.of("event") if said["event"] == "said"] == ["heard"]


def test_who_comes_in_as_somebody_else_reads_their_messages_from_the_first_on() -> None:
    cable = AccountCable(True, "bot", "eve", password=PASSWORD)
    cable.enter()
    alice = cable.stranger()
    for number in range(3):
        alice.ask("msg", to="bot", text=f"for bot {number}")
        cable.go_on()
        alice.ask("msg", to="eve", text=f"for eve {number}")
        cable.go_on()
    other = cable.world.connect(client=JsonClient)
    other.ask("hello", nick="bot", password=PASSWORD)
    other.ask("password", old=PASSWORD, new=OTHER)
    cable.recover()
    for answer in ("", "eve", PASSWORD):
        cable.answer(answer)
    assert cable.conversation.nick == "eve"
    assert cable.privates() == [
        *(f"for bot {number}" for number in range(3)),
        *(f"for eve {number}" for number in range(3)),
    ]


def test_a_guest_s_that_may_have_been_sent_by_who_is_no_more_is_told_and_not_sent_twice() -> None:
    cable = AccountCable(True, "eve")
    alice = cable.stranger()
    cable.enter()
    cable.conversation.ask(Command("msg", "alice hi"))
    cable.conversation.send()
    cable.carry_up()
    cable.up = False
    cable.cut()
    cable.after(200)
    cable.recover()
    assert [said["text"] for said in alice.told() if said.get("event") == "private"] == ["hi"]
    assert [said["refused"]["words"] for said in cable.face.of("refused")][-1].startswith(
        "a private message may not have"
    )
    assert cable.conversation.under_way == 0


STEPS = st.lists(
    st.one_of(
        step("msg"),
        step("say"),
        step("carry_up", BYTES),
        step("carry_down", BYTES),
        step("cut", st.booleans()),
        step("after", st.sampled_from([0.1, 1.0, 20.0, 200.0])),
        step("others"),
        step("kill"),
        step("look"),
    ),
    max_size=60,
)


@given(STEPS)
def test_each_private_message_comes_once_wherever_it_is_cut(steps: list[tuple[Any, ...]]) -> None:
    cable = AccountCable(True, "bot", "eve", password=PASSWORD)
    cable.enter()
    sent: list[str] = []
    for number, (name, *values) in enumerate(steps):
        if name in ("msg", "say"):
            sent.append(f"{name} {number}")
            cable.conversation.ask(Command(name, f"eve {name} {number}" if name == "msg" else f"{name} {number}"))
            cable.conversation.send()
        elif name == "others":
            cable.stranger(f"other{number}").ask("msg", to="bot", text=f"hear {number}")
            cable.world.settle()
        elif name == "look":
            cable.conversation.ask(Command("inbox", "3"))
            cable.conversation.send()
        else:
            act: Callable[..., None] = getattr(cable, name)
            act(*values)
    cable.recover()
    assert (cable.conversation.under_way, cable.face.ends, cable.face.questions) == (0, [], [])
    assert [text for text in cable.texts() if text.startswith("say")] == [
        text for text in sent if text.startswith("say")
    ]
    account = cable.world.chat.people[
        next(id for id, one in cable.world.chat.people.items() if one.name.shown == "bot")
    ]
    inbox: list[Any] = []
    cable.storage.read(f"@{account.id}", limit=EVERYTHING, kinds={Kind.PRIVATE}).addCallback(inbox.extend)
    assert cable.privates_in_order() == [entry.event.text for entry in inbox]
    forsaken = sum("private message" in said["refused"]["words"] for said in cable.face.of("refused"))
    own = [entry.event.text for entry in inbox if entry.event.text.startswith("msg")]
    assert len(own) == len({*own})
    assert len(own) + forsaken >= sum(text.startswith("msg") for text in sent)


# The questions before a command


def led(command: Command, *answers: str, account: bool = False) -> tuple[list[Question], Command | None]:
    """What is asked before a command, and what it becomes."""
    asked: list[Question] = []
    ends: list[Command | None] = []
    dialogue = before(command, "bot", account)
    if dialogue is None:
        return [], command
    interview = Interview(lambda question: asked.append(question) if question else None)
    interview.begin(dialogue, ends.append)
    for answer in answers:
        interview.answer(answer)
    (end,) = ends
    return asked, end


A, B, C = "a" * 8, "b" * 8, "c" * 8


@pytest.mark.parametrize(
    ("command", "account", "answers", "becomes"),
    [
        (Command("register"), False, [A, A], Command("register", A)),
        (Command("register"), False, [A, B, "short", C, C], Command("register", C)),
        (Command("register"), False, [""], None),
        (Command("login", "eve"), False, ["a"], Command("login", "eve a")),
        (Command("login", "eve"), False, [""], None),
        (Command("password"), True, ["a", B, B], Command("password", fields={"old": "a", "new": B})),
        (Command("password"), True, ["a", ""], None),
        (Command("password"), True, [""], None),
        (Command("forget-me"), True, ["bot"], Command("forget-me", fields={"sure": True})),
        (Command("forget-me"), True, ["yes"], None),
        (Command("add-account", "eve"), True, [A, A], Command("add-account", f"eve {A}")),
        (Command("set-password", "eve"), True, [A, B, ""], None),
    ],
)  # fmt: skip
def test_what_is_wanted_for_a_command_is_asked(
    command: Command, account: bool, answers: list[str], becomes: Command | None
) -> None:
    asked, end = led(command, *answers, account=account)
    assert end == becomes
    assert len(asked) == len(answers)
    assert all(question.hidden for question in asked) == (command.name != "forget-me")


@pytest.mark.parametrize(
    ("command", "account"),
    [
        (Command("register", "a b"), False),
        (Command("register"), True),
        (Command("login"), False),
        (Command("login", "eve a"), False),
        (Command("login", "eve"), True),
        (Command("password"), False),
        (Command("forget-me"), False),
        (Command("say", "eve"), True),
    ],
)
def test_where_all_is_said_or_it_cannot_be_done_nothing_is_asked(command: Command, account: bool) -> None:
    assert led(command, account=account) == ([], command)
