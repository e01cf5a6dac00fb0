"""What goes wrong around a server: the disk, its database, and what comes in that nobody ever meant as a line."""

from __future__ import annotations

import contextlib
import json
import random
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server import ANY_PORT, PATIENCE, Person, Server, hear, nc, until

pytestmark = pytest.mark.process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, "--rate", "0", "--history", "0") as server:
        yield server


# The disk


def mounted(where: Path, options: str) -> None:
    if shutil.which("mount") is None:
        pytest.skip("needs mount: apt install mount")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted(where, "size=8m")
    yield where
    subprocess.run(["umount", "--lazy", where], check=True)


def fill(where: Path) -> Path:
    """Takes all the space that is left."""
    ballast = where / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
    return ballast


REFUSED = r"! your line was not saved: the disk is full\r\n"


def test_a_full_disk_is_told_to_who_speaks_and_to_nobody_else_and_passes(small_disk: Path) -> None:
    with Server(small_disk, "--rate", "0", "--history", "0") as server:
        alice, bob = Person(server, "alice"), Person(server, "bob")
        bob.say("/echo on")
        bob.expect(r"\* your own lines are sent back.*\n")
        alice.expect(r"\* bob joined\r\n")
        told: list[str] = []
        saved: list[str] = []

        def say(number: int) -> bool:
            line = f"{number} {'x' * 3000}"
            bob.say(line)
            answer = bob.expect(rf"(! .*|bob: {line})\r\n").removesuffix("\r\n")
            (saved if answer == f"bob: {line}" else told).append(answer)
            return answer in told

        assert not say(0)
        ballast = fill(small_disk)
        numbers = iter(range(1, 10_000))
        until(lambda: say(next(numbers)), "a refusal")
        for _ in range(20):
            say(next(numbers))
        assert len(told) >= 20
        assert set(told) == {"! your line was not saved: the disk is full"}
        bob.say("/who", "/history 1")  # it goes on otherwise
        assert bob.lines(2)[0] == "* 2 in #lobby: alice, bob"
        with Person(server) as carol:
            carol.say("carol")
            carol.expect("! .* was not saved: the disk is full\r\n")
        ballast.unlink()
        until(lambda: not say(next(numbers)), "space that is used again")
        for _ in range(20):
            say(next(numbers))
        assert bob.lines(0) == []
        assert alice.lines(len(saved)) == saved
        with Person(server, "carol") as carol:
            assert alice.silent(carol).splitlines() == ["* carol joined"]
            assert len(carol.silent(alice)) == 0
        assert sum("cannot save" in line for line in server.log.lines) == 1
        assert sum("saves again" in line for line in server.log.lines) == 1
        server.terminate()
        assert [line.removeprefix("bob: ") for line in saved] == server.said()[: len(saved)]


class Sender:
    """A program that numbers what it says, and notes of what it was told that it is saved."""

    def __init__(self, server: Server, nick: str) -> None:
        self._nick = nick
        self._person = Person(server)
        self._person.say(json.dumps({"hello": {"nick": nick}}))
        self._person.expect('"welcome".*\n')
        self._numbers = iter(range(1_000_000))
        self.saved: list[tuple[str, str]] = []

    def say(self) -> bool:
        """Tells whether it was saved."""
        number = next(self._numbers)
        text, id = f"{number} {'x' * 500}", f"{self._nick}-{number}"
        self._person.say(json.dumps({"say": {"text": text}, "id": id}))
        answer = json.loads(self._person.expect(rf'.*"id":"{id}".*\n').splitlines()[-1])
        if "refused" in answer:
            assert answer["refused"]["code"] == "not_saved"
            return False
        assert (answer["event"], answer["nick"], answer["text"]) == ("said", self._nick, text)
        self.saved.append((self._nick, text))
        return True


def said(senders: list[Sender]) -> int:
    """Each says one line; of how many it was saved."""
    return sum([sender.say() for sender in senders])


def test_of_several_who_talk_while_the_disk_fills_each_knows_what_is_saved(small_disk: Path) -> None:
    with Server(small_disk, "--no-limits", "--history", "0") as server:
        reader = Person(server, "reader")
        senders = [Sender(server, f"sender-{letter}") for letter in "abcd"]
        for _ in range(50):
            assert said(senders) == 4
        ballast = fill(small_disk)
        until(lambda: said(senders) == 0, "nothing that fits")
        for _ in range(50):
            said(senders)
        ballast.unlink()
        until(lambda: said(senders) == 4, "space that is used again")
        saved = [one for sender in senders for one in sender.saved]
        reader.say("/who")
        heard = re.findall(r"^(sender-\w): (.*)\r\n", reader.expect("5 in #lobby"), re.MULTILINE)
        server.terminate()
        log = server.query("SELECT nick, text FROM entries WHERE kind = 'said' ORDER BY position")
        assert heard == log
        assert sorted(log) == sorted(saved)  # lost, doubled, or kept though refused: 0
        assert server.query("PRAGMA integrity_check") == [("ok",)]


def test_who_left_while_the_disk_was_full_is_gone_when_it_is_not(small_disk: Path) -> None:
    with Server(small_disk, "--rate", "0", "--history", "0") as server:
        alice, bob, carol = Person(server, "alice"), Person(server, "bob"), Person(server, "carol")
        ballast = fill(small_disk)
        carol.say("/echo on", *["x" * 4000] * 3)  # more than what SQLite has set aside already
        carol.expect(REFUSED)
        bob.say("/quit")
        bob.rest()
        ballast.unlink()
        alice.expect(r"\* bob left\r\n")
        with Person(server, "bob"):
            pass


def test_a_full_disk_at_the_start_is_told_in_one_line_and_nothing_is_lost(small_disk: Path) -> None:
    with Server(small_disk) as server:
        assert "* You are" in nc(server, "-N", sent=b"bob\nbefore\n")
        server.terminate()
    with contextlib.closing(sqlite3.connect(small_disk / "chatroom.db")) as database:
        database.execute("SELECT count(*) FROM entries").fetchone()  # what the server may leave beside it is gone after
    ballast = fill(small_disk)
    server = Server(small_disk).begin()
    assert server.end() == 1
    (line,) = server.stderr.lines
    assert line.startswith(f"chatroom: --storage: {small_disk}/chatroom.db cannot be used")
    ballast.unlink()
    with Server(small_disk) as server:
        assert "bob: before" in nc(server, "-N", sent=b"carol\n")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which 2,000 lines were said."""
    where = tmp_path_factory.mktemp("sound")
    with Server(where, "--rate", "0") as server:
        with Person(server, "bob") as bob:
            bob.say(*[f"line {number} {'x' * 100}" for number in range(2000)], "/quit")
            bob.rest()
        server.terminate()
    return where / "chatroom.db"


def garbled(whole: bytes, start: int, end: int) -> bytes:
    return whole[:start] + random.Random(1).randbytes(end - start) + whole[end:]


DAMAGES = {
    "no database at all": lambda whole: b"Dear diary,\n" * 1000,
    "cut short": lambda whole: whole[: len(whole) // 2],
    "cut amid a page": lambda whole: whole[:5000],
    "its header overwritten": lambda whole: garbled(whole, 16, 100),
    "its schema overwritten": lambda whole: garbled(whole, 100, 4096),
    "its schema no UTF-8": lambda whole: whole.replace(b"NULL", b"\xaaULL", 1),
    "all but its first page overwritten": lambda whole: garbled(whole, 4096, len(whole)),
    "its second half overwritten": lambda whole: garbled(whole, len(whole) // 8192 * 4096, len(whole)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_told_in_one_line_and_left_alone(tmp_path: Path, database: Path, damage: str) -> None:
    damaged = DAMAGES[damage](database.read_bytes())
    path = tmp_path / "chatroom.db"
    path.write_bytes(damaged)
    server = Server(tmp_path).begin()
    status = server.end()
    assert status == 1
    assert path.read_bytes() == damaged
    (line,) = server.stderr.lines
    assert line.startswith("chatroom: --storage: ")
    assert "Traceback" not in str(server.log)


def test_a_directory_that_is_read_only_is_told_in_one_line(tmp_path: Path) -> None:
    where = tmp_path / "disk"
    where.mkdir()
    mounted(where, "ro,size=1m")
    try:
        server = Server(tmp_path, "--storage", f"sqlite:{where}/chatroom.db").begin()
        assert server.end() == 1
        (line,) = server.stderr.lines
        assert line == f"chatroom: --storage: {where}/chatroom.db-lock cannot be opened: Read-only file system"
    finally:
        subprocess.run(["umount", where], check=True)


# What nobody meant as a line


@pytest.mark.parametrize(
    "request_line",
    [
        "GET / HTTP/1.1",
        "POST /chat HTTP/1.0",
        "OPTIONS * HTTP/1.1",
        "CONNECT example.com:443 HTTP/1.1",
        f"GET /{'a' * 5000} HTTP/1.1",
    ],
)
def test_an_http_request_is_answered_with_one_line_and_none_of_it_is_said(server: Server, request_line: str) -> None:
    with Person(server, "bob") as bob, Person(server) as browser:
        browser.expect("nickname.*\n")
        browser.send(f"{request_line}\r\nHost: localhost\r\nUser-Agent: mallory\r\n\r\nmallory\r\nhello\r\n".encode())
        (answer,) = browser.rest().splitlines()
        assert answer.startswith("! ")
        with Person(server, "carol") as carol:
            assert bob.silent(carol).splitlines() == ["* carol joined"]


def test_who_is_in_may_talk_about_http(server: Server) -> None:
    with Person(server, "bob") as bob, Person(server, "alice") as alice:
        alice.say("GET / HTTP/1.1")
        bob.expect(r"alice: GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("entered", [False, True], ids=["from a stranger", "from a member"])
def test_an_endless_line_costs_nothing_and_the_next_is_good(server: Server, entered: bool) -> None:
    with Person(server, "bob") as bob, Person(server, "alice" if entered else "") as alice:
        alice.send(b"x" * 10_000)
        alice.expect(r"! a line has at most 4096 bytes.*\n")
        before = server.memory()
        for _ in range(320):
            alice.send(b"x" * 65536)
        alice.send(b"\n")
        if not entered:
            alice.say("alice")
            assert alice.expect("You are alice").count("!") == 0  # told once
        alice.say("this is good")
        heard = bob.expect(r"alice: this is good\r\n").splitlines()
        assert heard == ["* alice joined", "alice: this is good"]
        assert server.memory() - before < 1024
        alice.say("/who")
        assert "!" not in alice.expect(r"2 in #lobby")


def test_random_bytes_do_no_harm(server: Server) -> None:
    chance = random.Random(20261120)
    with Person(server, "bob") as bob:
        for turn in range(20):
            with Person(server, f"mallory{turn}" if turn % 2 else "") as mallory:
                try:
                    for _ in range(16):
                        mallory.send(chance.randbytes(4096))
                except OSError:  # a line of it may have been bye
                    pass
                mallory.reset() if turn % 3 else mallory.close()
        bob.say("/echo on", "still here")
        heard = bob.expect(r"bob: still here\r\n")
        assert not set(map(ord, heard)) & {*range(0x20), *range(0x7F, 0xA0)} - {0x0D, 0x0A}


def test_64_kib_of_newlines_are_nothing(server: Server) -> None:
    with Person(server, "bob") as bob, Person(server, "alice") as alice:
        alice.send(b"\n" * 65536)
        alice.say("done")
        assert bob.expect(r"alice: done\r\n").splitlines() == ["* alice joined", "alice: done"]
        with Person(server) as stranger:
            stranger.send(b"\n" * 1000)
            stranger.enter("carol")


def test_who_goes_on_sending_while_being_let_go_still_gets_everything(server: Server) -> None:
    """To close a socket while something comes in resets it, and what was on its way to the other side is lost."""
    lines = [f"{number} {'x' * 400}" for number in range(1000)]
    with Person(server, "bob") as bob:
        bob.say(*lines, "/quit")
        bob.rest()
    alice = Person(server, "alice", buffer=4096)
    alice.say("/history 1000", "bye")

    def go_on() -> None:
        with contextlib.suppress(OSError):
            while True:
                alice.say("more" * 100)

    threading.Thread(target=go_on, daemon=True).start()
    assert [line.partition("bob: ")[2] for line in alice.rest().splitlines()] == lines


# Many


def test_one_message_reaches_5000(tmp_path: Path) -> None:
    many = 5_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < many + 500:
        pytest.skip(f"needs {many} open files, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with Server(tmp_path, "--history", "0") as server:
            people = [Person(server) for _ in range(many)]
            for number, person in enumerate(people):
                person.say(f"guest-{number}")
            hear(people, r"\* You are guest-\d+, .*\r\n")
            with Person(server, "speaker") as speaker:
                speaker.say("good morning, everybody")
                hear(people, r"speaker: good morning, everybody\r\n")
            server.terminate()
            for said in hear(people, r"\* the server is stopping.*\r\n"):
                assert said.count("stopping") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_strangers_who_say_no_nickname_are_let_go_in_time_whether_they_dribble_or_not(tmp_path: Path) -> None:
    with Server(tmp_path, "--greeting-timeout", "1") as server, Person(server, "bob") as bob:
        silent, dribbling, refused = Person(server), Person(server), Person(server)
        began = time.monotonic()

        def dribble() -> None:
            try:
                while True:
                    dribbling.send(b"x")
                    refused.say("no such name!")
                    threading.Event().wait(0.05)
            except OSError:
                pass

        threading.Thread(target=dribble, daemon=True).start()
        for stranger in (silent, dribbling, refused):
            assert stranger.rest().splitlines()[-1] == "! no nickname came in time; come again"
        assert time.monotonic() - began < PATIENCE
        with Person(server, "carol") as carol:
            assert bob.silent(carol).splitlines() == ["* carol joined"]


def test_the_sixth_is_told_that_five_are_all(tmp_path: Path) -> None:
    with Server(tmp_path, "--connections", "5") as server:
        five = [Person(server, f"guest-{number}") for number in range(5)]
        assert Person(server).rest() == "! the server is full: it takes 5 connections; come again later\r\n"
        five[0].say("bye")
        five[0].rest()
        until(lambda: "Welcome" in nc(server, "-N", sent=b"sixth\n"), "a free place")


def proxied(server: Server, address: str) -> Person:
    person = Person(server)
    person.send(f"PROXY TCP4 {address} 10.0.0.1 40000 6000\r\n".encode())
    return person


def test_connections_from_one_address_are_limited_also_behind_a_proxy(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(f"haproxy:{ANY_PORT}",)) as server:
        hundred = [proxied(server, "10.1.2.3") for _ in range(100)]
        for person in hundred:
            person.expect("nickname.*\n")
        assert proxied(server, "10.1.2.3").rest() == "! 100 connections from your address are the most\r\n"
        proxied(server, "10.1.2.4").enter("neighbour")
        hundred[0].say("bye")
        hundred[0].rest()
        proxied(server, "10.1.2.3").enter("successor")
        assert server.process.poll() is None


def test_a_proxy_may_split_its_header_and_close_its_half(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(f"haproxy:{ANY_PORT}",)) as server:
        person = Person(server)
        person.send(b"PROXY TCP4 10.1.2.3 ")
        person.send(b"10.0.0.1 40000 6000\r\nbot\nhi\n/who")
        person.socket.shutdown(socket.SHUT_WR)
        assert "* 1 in #lobby: bot\r\n" in person.rest()
        assert server.said() == ["hi"]
        nobody = Person(server)
        nobody.say("GET / HTTP/1.1")
        assert nobody.rest() == ""


@pytest.mark.process
def test_with_too_little_space_for_the_index_a_search_is_refused_and_who_asked_stays(small_disk: Path) -> None:
    with Server(small_disk) as server, Person(server, "bob") as bob:
        bob.say("/echo on", "a needle", "/search needle", "/who")
        assert "! nothing can be looked for at present: " in bob.expect(r"\* 1 in #lobby: bob\r\n")


def test_a_flooder_is_slowed_by_tcp_and_fills_no_memory(tmp_path: Path) -> None:
    """For each line that was taken as much more was read as a socket gives at once: 64 KiB, for lines of 100 bytes."""
    with Server(tmp_path, "--rate", "2000:1", "--history", "0") as server:
        alice, flooder = Person(server, "alice"), Person(server, "flooder")
        before, sent = server.memory(), 0
        flooder.socket.setblocking(False)
        heard = ""
        lines = b"".join(b"%099d\n" % number for number in range(1000))
        while "000999\r\n" not in heard[-40_000:]:
            with contextlib.suppress(BlockingIOError):
                sent += flooder.socket.send(lines[sent % len(lines) :])
            alice.socket.settimeout(0.001)
            with contextlib.suppress(TimeoutError):
                alice.receive()
            heard = alice._read.decode()
        assert server.memory() - before < 8 * 1024  # and 64 MiB with the 1,000 lines that were said
        said = [int(number) for number in re.findall(r"flooder: (\d+)\r\n", heard)]
        assert said == [number % 1000 for number in range(len(said))]
