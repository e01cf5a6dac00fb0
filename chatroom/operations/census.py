"""What is there now, asked whenever somebody collects the figures: who is connected, who is held up, and how far behind.

Between two times it costs nothing.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import cast

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ..chat import Chat
from ..log import Log
from ..session import Session

FORMATS = ("text", "json")
TRANSPORTS = {"TCP": "tcp", "TLS": "tls", "a Unix socket": "unix"}
"""What a label says for what people are told."""


class Census(Collector):
    """Of one chat, in the reactor's thread as the chat is: 0.5 us a connection, and 2 us more where it is held up."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def collect(self) -> Iterator[Metric]:
        chat = self._chat
        sessions = tuple(cast("Iterable[Session]", chat.connections))
        yield _connections(sessions)
        strangers = sum([session.device is None for session in sessions])
        yield GaugeMetricFamily("chatroom_strangers", "Connections of who has not entered yet.", strangers)
        accounts = sum([person.account is not None for person in chat.people.values()])
        yield _by(
            "chatroom_people",
            "Who is here, also who may still come back after a lost connection.",
            "account",
            {"yes": accounts, "no": len(chat.people) - accounts},
        )
        yield GaugeMetricFamily("chatroom_accounts", "Accounts there are.", len(chat.directory.accounts.all()))
        yield GaugeMetricFamily("chatroom_rooms", "Rooms there are.", len(chat.rooms))
        behind = [_behind(session) for session in sessions if session.reading and session.outlet.full]
        yield GaugeMetricFamily("chatroom_readers_held_up", "Connections that take no more for now.", len(behind))
        words = "that are kept in memory and were not handed to who is held up"
        yield GaugeMetricFamily("chatroom_behind_entries", f"Entries of rooms {words}, all together.", sum(behind))
        yield GaugeMetricFamily(
            "chatroom_behind_entries_max", f"Entries of rooms {words}, the most of one.", max(behind, default=0)
        )


def _connections(sessions: Iterable[Session]) -> Metric:
    family = GaugeMetricFamily("chatroom_connections", "Connections, strangers too.", labels=["format", "transport"])
    counts: Tally[tuple[str, str]] = Tally({(format, over): 0 for format in FORMATS for over in TRANSPORTS.values()})
    # Of many connections few differ: words are compared once for each kind, not for each.
    for (name, over), count in Tally([(session.wire.name, session.peer.over) for session in sessions]).items():
        counts[name.lower(), TRANSPORTS.get(over, over)] += count
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


def _behind(session: Session) -> int:
    assert session.reading is not None
    return sum([cast("Log", reader.log).behind(reader) for reader in session.reading.rooms])


def _by(name: str, words: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
