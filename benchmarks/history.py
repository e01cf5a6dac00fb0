"""What it takes to come in, to read back and to search where much was said, and what others notice of the searching:
`python -m benchmarks.history`, two minutes.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.server import Person, Server

MESSAGES = 200_000

DAYS = 200
"""Over which they were said."""

WORDS = 8
"""In each."""

EACH = 30
"""How often each thing is asked for."""

RATE = 100
"""Messages a second of somebody who talks meanwhile."""

SECONDS = 20

DAY = 24 * 60 * 60 * 1000

COMMON, RARE, CHINESE = "weather", "xylophone", "茶壶"

SHARES = {COMMON: 4, RARE: 40_000, CHINESE: 100}
"""One of so many messages has the word."""

FOUND = r"\* (?:\d+ found|the newest \d+; older ones.*?|nothing was found)\r\n"


def texts() -> Iterator[str]:
    """Always the same."""
    chosen = random.Random(7)
    vocabulary = ["".join(chosen.choices("aeinorstlduchm", k=chosen.randint(2, 9))) for _ in range(3000)]
    for number in range(MESSAGES):
        extra = [word for word, share in SHARES.items() if number % share == share // 2]
        yield " ".join([*chosen.choices(vocabulary, k=WORDS), *extra])


def fill(where: Path) -> None:
    """Have so much said in the lobby, by twenty people, as a server would have kept it."""
    end = int(time.time() * 1000)
    with closing(sqlite3.connect(where / "chatroom.db")) as database:
        ((log, last),) = database.execute(
            "SELECT logs.id, max(position) FROM logs JOIN entries ON log = logs.id WHERE name = '#lobby'"
        )
        rows = (
            (log, last + number, end - DAYS * DAY + number * DAYS * DAY // MESSAGES, f"b{number:x}", number % 20, text)
            for number, text in enumerate(texts(), 1)
        )
        database.executemany(
            "INSERT INTO entries (log, sort, position, kind, time, eid, by, nick, text) "
            "VALUES (?1, 0, ?2, 'said', ?3, ?4, 'n0.' || ?5, 'person-' || ?5, ?6)",
            rows,
        )
        database.commit()


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def enter(server: Server) -> None:
    with Person(server, "guest") as guest:
        guest.say("/quit")
        guest.rest()


def asked(person: Person, line: str, answer: str) -> Callable[[], object]:
    def ask() -> None:
        person.say(line)
        person.expect(answer)

    return ask


def questions(person: Person) -> dict[str, Callable[[], object]]:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAYS / 2 * DAY / 1000))
    return {
        "/history 20": asked(person, "/history 20", r"\* earlier: .*\r\n"),
        "/history of a day, 100 days ago": asked(person, f"/history {day}", r"\* more: .*\r\n"),
        "/history before that day": asked(person, f"/history before {day}", r"\* earlier: .*\r\n"),
        "/search, a word in a fourth": asked(person, f"/search {COMMON}", FOUND),
        "/search, a word in 5": asked(person, f"/search {RARE}", FOUND),
        "/search, two Chinese characters": asked(person, f"/search {CHINESE}", FOUND),
        "/search, two characters that nobody said": asked(person, "/search 鹦鹉", FOUND),
    }


def echoes(server: Server) -> list[float]:
    """Milliseconds until what somebody says comes back to them, for as long as it is measured."""
    took: list[float] = []
    said: list[float] = []
    count = SECONDS * RATE
    with Person(server, "speaker") as speaker:
        speaker.say("/echo on")
        speaker.expect("sent back to you")

        def talk() -> None:
            start = time.perf_counter()
            for number in range(count):
                time.sleep(max(0.0, start + number / RATE - time.perf_counter()))
                said.append(time.perf_counter())
                speaker.say(f"talk {number}")

        talking = threading.Thread(target=talk)
        talking.start()
        for number in range(count):
            speaker.expect(rf"speaker: talk {number}\r\n")
            took.append((time.perf_counter() - said[number]) * 1000)
        talking.join()
    return took


def echoes_while_searched(server: Server) -> tuple[list[float], int]:
    """The same, while somebody searches without a pause; and how often."""
    over = threading.Event()
    searched = 0

    def search() -> None:
        nonlocal searched
        with Person(server, "searcher") as searcher:
            asks = [ask for name, ask in questions(searcher).items() if "search" in name]
            while not over.is_set():
                asks[searched % len(asks)]()
                searched += 1

    searching = threading.Thread(target=search)
    searching.start()
    took = echoes(server)
    over.set()
    searching.join()
    return took, searched


def told(what: str, took: Sequence[float]) -> None:
    p99 = f"{statistics.quantiles(took, n=100)[98]:.1f}" if len(took) >= 100 else ""
    sys.stdout.write(f"| {what} | {len(took)} | {statistics.median(took):.1f} | {p99} | {max(took):.1f} |\n")
    sys.stdout.flush()


def measure(where: Path) -> None:
    options = ("--no-limits", "--history", "20")
    with Server(where, *options) as server, Person(server, "alice") as alice:
        alice.say("/quit")
        alice.rest()
        server.terminate()
    fill(where)
    sys.stdout.write(
        f"{MESSAGES:,} messages; milliseconds\n\n| what | times | p50 | p99 | max |\n| --- | --- | --- | --- | --- |\n"
    )
    server = Server(where, *options)
    told("starting, until people are let in", [milliseconds(server.start)])
    with server:
        with Person(server, "first") as first:
            told("the first search, which makes the index", [milliseconds(asked(first, f"/search {RARE}", FOUND))])
        told("entering", [milliseconds(lambda: enter(server)) for _ in range(EACH)])
        with Person(server, "reader") as reader:
            for what, ask in questions(reader).items():
                told(what, [milliseconds(ask) for _ in range(EACH)])
        told(f"one's own words come back, at {RATE} a second", echoes(server))
        took, searched = echoes_while_searched(server)
        told(f"the same, during {searched} searches", took)
        server.terminate()
    again = Server(where, *options)
    told("starting again", [milliseconds(again.start)])
    with again, Person(again, "first") as first:
        told("the first search then", [milliseconds(asked(first, f"/search {RARE}", FOUND))])
        again.terminate()


def main() -> None:
    with TemporaryDirectory(prefix="chatroom-bench-") as where:
        measure(Path(where))


if __name__ == "__main__":
    main()
