"""Bans on a real server: from where people really come, and over a real `kill -9`."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from .server import ANY_PORT, Person, Server, nc, telnet, until
from .support import needs

pytestmark = pytest.mark.process

PASSWORD = "correct horse battery"

TROLL = b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 6000\r\n"
NEIGHBOUR = b"PROXY TCP4 192.0.2.8 10.0.0.1 40000 6000\r\n"

BANNED = r"! you are banned from this server: bob, by root, until [0-9: -]+ UTC \(spam\)\r\n"


def server_of(where: Path) -> Server:
    """The first of its ports is behind a proxy, the second is for who is at the machine."""
    return Server(where, "--operator", "root", lines=(f"haproxy:{ANY_PORT}", ANY_PORT))


def machine(server: Server) -> int:
    """The port for who is at the machine."""
    return int(server.invitations[1].rpartition(" ")[2])


def came_from(server: Server, header: bytes, nick: str = "") -> Person:
    person = Person(server)
    person.send(header)
    if nick:
        person.enter(nick)
    return person


def operator(server: Server, first: bool = False) -> Person:
    root = Person(server, at=machine(server))
    if first:
        root.enter("root")
        root.say(f"/register {PASSWORD}")
        root.expect(r"root is your own now.*\r\n")
    else:
        root.say(f"/login root {PASSWORD}")
        root.expect(r"\* You are root, .*\n")
    return root


@needs("nc", "netcat-openbsd")
def test_who_was_banned_is_so_after_kill_9_by_whatever_name_and_program(tmp_path: Path) -> None:
    with server_of(tmp_path) as server:
        root = operator(server, first=True)
        bob = came_from(server, TROLL, "bob")
        root.say("/server ban bob 2h spam")
        bob.expect(BANNED)
        assert bob.rest() == ""
        server.process.send_signal(signal.SIGKILL)
        assert server.end() == -signal.SIGKILL
    with server:
        for sent in (b"bob\n", b"rob\n", b'{"hello": {"nick": "rob"}}\n', b""):
            heard = nc(server, "-N", sent=TROLL + sent)
            assert heard.startswith("! you are banned from this server: bob, by root, until ")
            assert heard.endswith("UTC (spam)\r\n")
        came_from(server, NEIGHBOUR, "carol")
        other = came_from(server, NEIGHBOUR)
        other.say("bob")
        other.expect(BANNED)
        root = operator(server)
        root.say("/server bans")
        root.expect(r"\* banned: bob, by root, until .* UTC \(spam\)\r\n")
        root.say("/server unban bob")
        root.expect(r"\* bob is banned no more\r\n")
        came_from(server, TROLL, "bob")
        server.terminate()


@needs("nc", "netcat-openbsd")
@needs("telnet", "inetutils-telnet")
def test_nobody_at_the_machine_is_kept_out_by_an_address(tmp_path: Path) -> None:
    with Server(tmp_path, "--operator", "root", lines=(ANY_PORT, ANY_PORT)) as server:
        root = operator(server, first=True)
        with telnet(server, "bob") as bob:
            root.say("/server ban bob")
            bob.expect(r"! you are banned from this server: bob, by root, for good")
        for address in ("127.0.0.1", "127.0.0.2"):
            assert "* You are rob, " in nc(server, "-N", "-s", address, sent=b"rob\n")
            assert "! you are banned from this server: bob" in nc(server, "-N", "-s", address, sent=b"bob\n")
        root.say("/server ban 127.0.0.2")
        root.expect(r"! that is this machine itself: nobody is kept out by it\r\n")
        server.terminate()


def test_who_was_put_out_of_a_room_stays_out_after_kill_9_and_addresses_are_for_operators(tmp_path: Path) -> None:
    with server_of(tmp_path) as server:
        root = operator(server, first=True)
        alice = came_from(server, NEIGHBOUR, "alice")
        alice.say(f"/register {PASSWORD}", "/join den")
        alice.expect(r"\* You are alone in #den.*\r\n")
        bob = came_from(server, TROLL, "bob")
        bob.say("/join den")
        bob.expect(r"\* You are in #den with alice.*\r\n")
        alice.say("/ban 192.0.2.7 2h", "/ban bob", "/bans")
        alice.expect(r"\* banned: an address, by alice, until .* UTC\r\n")
        root.say("/server audit den")
        root.expect(r"alice: banned 192\.0\.2\.7 until")
        server.process.send_signal(signal.SIGKILL)
        assert server.end() == -signal.SIGKILL
    with server:
        rob = came_from(server, TROLL, "rob")
        rob.say("/join den")
        rob.expect(r"! you are banned from #den: an address, by alice, until .* UTC\r\n")
        elsewhere = came_from(server, NEIGHBOUR, "bobby")
        elsewhere.say("/join den")
        elsewhere.expect(r"\* You are (alone )?in #den.*\r\n")
        until(lambda: server.query("SELECT count(*) FROM entries WHERE kind = 'banned'") == [(2,)], "two bans")
        server.terminate()
