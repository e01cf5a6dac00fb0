"""A program that says a line each PAUSE seconds and tells how long it took until the line came back, saved; in a process
of its own, so that what is measured is the server and not how busy the others are who talk to it. A figure a line, in ms.
"""

from __future__ import annotations

import json
import socket
import sys
import time

PAUSE = 0.1
"""Seconds between two lines: 600 a minute show a p99, and take little of the server."""

WITHIN = 60
"""Seconds after which nothing comes any more."""

NICK, ROOM = "probe", "probe"


def main() -> None:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), WITHIN) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = connection.makefile("rw", encoding="utf-8", newline="\n")

        def ask(asked: object) -> None:
            lines.write(json.dumps(asked) + "\n")
            lines.flush()

        def wait_for(field: str, value: object = None) -> None:
            for line in lines:
                if line.startswith("{"):
                    told = json.loads(line)
                    if field in told and value in (None, told[field]):
                        return
            raise SystemExit("the server is gone")

        ask({"hello": {"nick": NICK, "rooms": {ROOM: {}}}})
        wait_for("welcome")
        due = time.monotonic()
        number = 0
        while True:
            due = max(due + PAUSE, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            number += 1
            began = time.monotonic()
            ask({"say": {"text": f"how long does it take? {number}"}, "id": str(number)})
            wait_for("id", str(number))
            sys.stdout.write(f"{(time.monotonic() - began) * 1000:.3f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
