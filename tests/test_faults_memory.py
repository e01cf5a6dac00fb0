"""Little memory is allowed: what a small machine or a container has is enough, and nothing that was acknowledged is lost."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.operations.memory import RESERVE

from .server import Person, Server, hear
from .support import needs

pytestmark = pytest.mark.process

ALLOWED = 256 * 1024 * 1024
"""Bytes of address space, of which a server with 2,000 people takes some 220 MB: more than its own main memory, by the stack
of each thread, of which it uses little."""

STACK = 8 * 1024 * 1024
"""Bytes of a thread's stack, which is the soft limit of whoever starts the server (pthread_create(3)): 8 MB on Debian."""

ARENAS = 2
"""In which malloc(3) keeps the memory of threads, each of 64 MiB of address space; it would make 8 for each processor."""

MANY = 2_000


@pytest.fixture
def open_files() -> Iterator[None]:
    """As many as there are people, for them and for the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MANY + 500:
        pytest.skip(f"needs {MANY + 500} open files, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@needs("prlimit", "util-linux")
def test_2000_people_fit_into_256_mb_and_nothing_is_lost(tmp_path: Path, open_files: None) -> None:
    limited = ("env", f"MALLOC_ARENA_MAX={ARENAS}", "prlimit", f"--stack={STACK}:{STACK}", f"--as={ALLOWED}")
    with Server(tmp_path, "--no-limits", "--history", "20", before=limited) as server:
        people = [Person(server) for _ in range(MANY)]
        for number, person in enumerate(people):
            person.say(f"guest-{number}")
        hear(people, r"\* You are guest-\d+, .*\r\n")
        speaker = Person(server, "speaker")
        speaker.say("/echo on")
        said = [f"{number} {'x' * 3000}" for number in range(30)]
        for line in said:
            speaker.say(line)
            speaker.expect(rf"speaker: {line}\r\n")
        for heard in hear(people, rf"speaker: {said[-1]}\r\n"):
            assert [line.removeprefix("speaker: ") for line in heard.splitlines() if line.startswith("speaker")] == said
        assert server.said() == said
        assert "MemoryError" not in str(server.log)
        server.terminate()


@needs("prlimit", "util-linux")
def test_without_memory_newcomers_are_refused_and_who_is_in_talks_on(tmp_path: Path) -> None:
    with Server(tmp_path, "--no-limits") as server:
        alice, bob = Person(server, "alice"), Person(server, "bob")
        alice.say("before", "/who")
        alice.expect(r"\* 2 in")
        taken = resource.prlimit(server.pid, resource.RLIMIT_AS)
        virtual = int(Path(f"/proc/{server.pid}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(server.pid, resource.RLIMIT_AS, (virtual + RESERVE // 2, taken[1]))
        newcomer = Person(server)
        assert "no memory left for more connections" in newcomer.rest()
        for number in range(200):
            bob.say(f"line {number}")
        alice.expect(r"bob: line 199\r\n")
        resource.prlimit(server.pid, resource.RLIMIT_AS, taken)
        Person(server, "carol")
        assert server.said() == ["before", *(f"line {number}" for number in range(200))]
        assert "MemoryError" not in str(server.log)
        server.terminate()
