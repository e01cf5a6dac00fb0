"""The figures of a server: what they say of what happened and of what is there, and the pages on which they stand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import version

from chatroom import __version__
from chatroom.chat import Chat
from chatroom.operations.lag import Lag
from chatroom.operations.meters import CODES_MOST, FAILED_LOGINS, Meters
from chatroom.operations.monitoring import Monitoring
from chatroom.operations.pages import CONNECTIONS_MOST, HTTP_TIMEOUT, REUSED, metrics_site
from chatroom.operations.process import Process
from chatroom.operations.readiness import Readiness
from chatroom.operations.store import files_of
from chatroom.request import Refused

from .chatting import DISK_FULL, FailingStorage, JsonClient, World
from .support import LoggedErrors, needs


class Watched:
    """A chat on which meters look, and what they tell."""

    def __init__(self, monitoring: Monitoring, **chosen: Any) -> None:
        self.registry = monitoring.meters.registry
        self.world = World(**chosen)
        monitoring.watch(self.world.chat)

    def __call__(self, name: str, **labels: str) -> float:
        """A figure, as whoever collects it reads it."""
        self.world.settle()
        return figure(self.registry, name, **labels)


def figure(registry: CollectorRegistry, name: str, **labels: str) -> float:
    value = registry.get_sample_value(name, labels)
    assert value is not None, f"no {name} {labels} in {generate_latest(registry).decode()}"
    return value


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watched]:
    def watch(url: str = "memory:", expiry: float | None = None, **chosen: Any) -> Watched:
        monitoring = Monitoring(Clock(), Readiness(float), url, lambda: expiry)
        monkeypatch.setattr("tests.chatting.Chat", partial(Chat, witness=monitoring.meters))
        return Watched(monitoring, **chosen)

    return watch


# What happened


def test_what_people_say_counts_once_whoever_reads_it(watched: Callable[..., Watched]) -> None:
    figures = watched()
    alice, bob, _ = figures.world.enter_all("alice", "bob", "carol")
    entries = figures("chatroom_entries_total", sort="talk")
    delivered = figures("chatroom_deliveries_total")
    alice.send(b"one\ntwo\nthree\n")
    bob.me("waves")
    alice.msg("bob", "psst")
    assert figures("chatroom_messages_total", kind="said") == 3
    assert figures("chatroom_messages_total", kind="did") == 1
    assert figures("chatroom_messages_total", kind="private") == 1  # it stands in two inboxes
    assert figures("chatroom_entries_total", sort="talk") - entries == 3 + 1 + 2
    assert figures("chatroom_deliveries_total") - delivered == 4 * 3 + 2


def test_coming_and_going_are_entries_and_no_messages(watched: Callable[..., Watched]) -> None:
    figures = watched()
    before = figures("chatroom_entries_total", sort="presence")
    alice, _ = figures.world.enter_all("alice", "bob")
    alice.quit()
    assert figures("chatroom_entries_total", sort="presence") > before
    assert [figures("chatroom_messages_total", kind=kind) for kind in ("said", "did", "private")] == [0, 0, 0]


def test_a_batch_is_one_commit_of_so_many_entries(watched: Callable[..., Watched]) -> None:
    figures = watched()
    alice = figures.world.enter("alice")
    counts, entries = figures("chatroom_batch_entries_count"), figures("chatroom_batch_entries_sum")
    commits = figures("chatroom_commit_seconds_count")
    alice.send(b"hello\n" * 500)
    assert figures("chatroom_batch_entries_count") - counts == 1
    assert figures("chatroom_batch_entries_sum") - entries == 500
    assert figures("chatroom_commit_seconds_count") - commits == 1


def test_a_commit_takes_as_long_as_the_storage_does_and_a_clock_put_back_takes_nothing_off() -> None:
    meters = Meters()
    meters.committed([], 0.25)
    meters.committed([], -3600.0)
    assert figure(meters.registry, "chatroom_commit_seconds_sum") == 0.25
    assert figure(meters.registry, "chatroom_commit_seconds_bucket", le="0.25") == 2
    assert figure(meters.registry, "chatroom_commit_seconds_bucket", le="0.1") == 1


def test_what_cannot_be_saved_counts_as_a_failure_and_as_no_message(
    watched: Callable[..., Watched], logged: LoggedErrors
) -> None:
    storage = FailingStorage()
    figures = watched(storage=storage)
    alice = figures.world.enter("alice")
    storage.break_down(DISK_FULL)
    alice.say("hello")
    assert figures("chatroom_commit_failures_total") == 1
    assert figures("chatroom_refusals_total", code="not_saved") == 1
    assert figures("chatroom_messages_total", kind="said") == 0
    assert logged.flush("the disk is full")
    storage.recover()
    alice.say("hello")
    assert figures("chatroom_messages_total", kind="said") == 1


@pytest.mark.parametrize("client", [None, JsonClient])
def test_a_wrong_password_counts_as_a_failed_login_and_as_a_refusal(
    watched: Callable[..., Watched], client: type[JsonClient] | None
) -> None:
    figures = watched()
    figures.world.register("alice")
    stranger = figures.world.connect(client=client)
    stranger.login("alice", "wrong horse")
    assert figures("chatroom_login_failures_total", code="login_failed") == 1
    assert figures("chatroom_refusals_total", code="login_failed") == 1
    figures.world.log_in("alice", client)
    assert sum(figures("chatroom_login_failures_total", code=code) for code in FAILED_LOGINS) == 1


def test_logins_that_are_not_looked_at_any_more_are_told_apart(watched: Callable[..., Watched]) -> None:
    figures = watched(logins_a_minute=2)
    figures.world.register("alice")
    stranger = figures.world.connect()
    for _ in range(5):
        stranger.login("alice", "wrong horse")
    assert figures("chatroom_login_failures_total", code="login_failed") == 2
    assert figures("chatroom_login_failures_total", code="too_many_logins") == 3


def test_what_is_refused_is_counted_by_its_code(watched: Callable[..., Watched]) -> None:
    figures = watched()
    alice = figures.world.enter("alice")
    alice.command("nonsense")
    alice.msg("nobody", "hello")
    alice.msg("nobody", "hello")
    assert figures("chatroom_refusals_total", code="no_command") == 1
    assert figures("chatroom_refusals_total", code="nobody") == 2


def test_codes_without_end_make_no_figures_without_end() -> None:
    meters = Meters()
    for number in range(CODES_MOST + 50):
        meters.refused("", "", "text over TCP", Refused(f"code_{number}", "no"))
    assert figure(meters.registry, "chatroom_refusals_total", code="other") == 50
    assert figure(meters.registry, "chatroom_refusals_total", code=f"code_{CODES_MOST - 1}") == 1
    assert generate_latest(meters.registry).count(b"chatroom_refusals_total{") == CODES_MOST + 1


# What is there now


def test_who_is_connected_is_counted_by_format_and_what_carries_it(watched: Callable[..., Watched]) -> None:
    figures = watched()
    world = figures.world
    world.enter("alice")
    world.enter("bob", JsonClient)
    world.enter("carol", JsonClient)
    stranger = world.connect()
    assert figures("chatroom_connections", format="text", transport="tcp") == 2
    assert figures("chatroom_connections", format="json", transport="tcp") == 2
    assert figures("chatroom_connections", format="json", transport="tls") == 0
    assert figures("chatroom_connections", format="text", transport="unix") == 0
    assert figures("chatroom_strangers") == 1
    stranger.hang_up()
    assert figures("chatroom_strangers") == 0
    assert figures("chatroom_connections", format="text", transport="tcp") == 1


def test_people_accounts_and_rooms_are_those_there_are(watched: Callable[..., Watched]) -> None:
    figures = watched()
    world = figures.world
    alice = world.register("alice")
    world.enter("bob")
    alice.command("join", room="attic")
    assert figures("chatroom_people", account="yes") == 1
    assert figures("chatroom_people", account="no") == 1
    assert figures("chatroom_accounts") == 1
    assert figures("chatroom_rooms") == 2
    alice.quit()
    assert figures("chatroom_people", account="yes") == 0
    assert figures("chatroom_accounts") == 1


def test_a_reader_that_stalls_is_held_up_and_by_so_much(watched: Callable[..., Watched]) -> None:
    figures = watched()
    alice, bob, carol, _ = figures.world.enter_all("alice", "bob", "carol", "dave")
    assert figures("chatroom_readers_held_up") == 0
    bob.stall()
    alice.say("the one that bob has not taken, though it was handed to his connection")
    figures.world.settle()
    carol.stall()
    for number in range(3):
        alice.say(f"{number}")
        figures.world.settle()
    assert figures("chatroom_readers_held_up") == 2
    assert figures("chatroom_behind_entries") == 3 + 2
    assert figures("chatroom_behind_entries_max") == 3
    bob.wake()
    carol.wake()
    assert figures("chatroom_readers_held_up") == 0
    assert figures("chatroom_behind_entries") == figures("chatroom_behind_entries_max") == 0


def test_the_files_of_the_store_are_measured_and_one_that_is_missing_has_no_bytes(tmp_path: Path) -> None:
    store = tmp_path / "chatroom.db"
    store.write_bytes(bytes(4096))
    (tmp_path / "chatroom.db-wal").write_bytes(bytes(100))
    registry = Monitoring(Clock(), Readiness(float), f"sqlite:{store}", lambda: None).meters.registry
    sizes = {file: figure(registry, "chatroom_store_bytes", file=file) for file in files_of(f"sqlite:{store}")}
    assert sizes == {"store": 4096, "wal": 100, "index": 0, "index_wal": 0}
    assert figure(registry, "chatroom_store_free_bytes") > 0


def test_the_store_is_measured_where_the_server_is_when_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Monitoring(Clock(), Readiness(float), "sqlite:chatroom.db", lambda: None).meters.registry
    monkeypatch.chdir(tmp_path)  # as `twistd --rundir` does, after the parts are put together
    (tmp_path / "chatroom.db").write_bytes(bytes(4096))
    assert figure(registry, "chatroom_store_bytes", file="store") == 4096


def test_where_nothing_is_on_a_disk_or_certified_there_are_no_figures_of_that() -> None:
    told = generate_latest(Monitoring(Clock(), Readiness(float), "memory:", lambda: None).meters.registry).decode()
    assert "chatroom_store" not in told
    assert "certificate" not in told


def test_a_directory_that_is_gone_has_no_free_space_to_tell_of(tmp_path: Path) -> None:
    registry = Monitoring(
        Clock(), Readiness(float), f"sqlite:{tmp_path}/gone/chatroom.db", lambda: None
    ).meters.registry
    assert figure(registry, "chatroom_store_bytes", file="store") == 0
    assert "free" not in generate_latest(registry).decode()


def test_the_end_of_the_first_certificate_is_told_as_it_is_now() -> None:
    ends = [1.8e9]
    registry = Monitoring(Clock(), Readiness(float), "memory:", lambda: ends[0]).meters.registry
    assert figure(registry, "chatroom_certificate_expiry_timestamp_seconds") == 1.8e9
    ends[0] = 1.9e9
    assert figure(registry, "chatroom_certificate_expiry_timestamp_seconds") == 1.9e9


def test_it_tells_what_runs() -> None:
    (build,) = [each for each in Meters().registry.collect() if each.name == "chatroom_build"]
    assert build.samples[0].labels["version"] == __version__
    assert {*build.samples[0].labels} == {"version", "python", "twisted"}


def test_the_process_is_told_of_also_where_the_kernel_tells_of_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("/proc/self")  # as with ProcSubset=pid
    registry, whole = CollectorRegistry(), CollectorRegistry()
    Process(proc=str(tmp_path), registry=registry)
    Process(registry=whole)
    assert figure(registry, "process_resident_memory_bytes") > 0
    assert figure(registry, "process_open_fds") > 0
    started = figure(whole, "process_start_time_seconds")
    assert figure(registry, "process_start_time_seconds") == pytest.approx(started, abs=1)


# How late the reactor comes


class Late:
    """A reactor that something keeps from its timers, as a test says, on a clock that nobody sets."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._clock = Clock()
        self._blocked = 0.0
        self.lag = Lag(self._clock, lambda: self._clock.seconds() + self._blocked, self.registry)
        self.lag.startService()

    def block(self, seconds: float) -> None:
        self._blocked += seconds

    def run(self, seconds: int) -> None:
        self._clock.pump([1] * seconds)

    def timers(self) -> int:
        return len(self._clock.getDelayedCalls())


def test_a_reactor_that_is_blocked_comes_late_by_that_much() -> None:
    reactor = Late()
    reactor.run(3)
    assert figure(reactor.registry, "chatroom_reactor_lag_seconds_sum") == 0
    reactor.block(0.75)
    reactor.run(1)
    assert figure(reactor.registry, "chatroom_reactor_lag_seconds_sum") == pytest.approx(0.75)
    assert figure(reactor.registry, "chatroom_reactor_lag_seconds_bucket", le="0.5") == 3
    assert figure(reactor.registry, "chatroom_reactor_lag_seconds_bucket", le="1.0") == 4


def test_the_latest_is_told_to_who_collects_next_and_then_forgotten() -> None:
    reactor = Late()
    for seconds in (0.25, 2.0, 0.5):
        reactor.block(seconds)
        reactor.run(1)
    assert figure(reactor.registry, "chatroom_reactor_lag_max_seconds") == pytest.approx(2.0)
    assert figure(reactor.registry, "chatroom_reactor_lag_max_seconds") == 0


def test_who_collects_before_the_timer_comes_is_told_how_late_it_is_already() -> None:
    reactor = Late()
    reactor.run(1)
    reactor.block(4.0)
    assert figure(reactor.registry, "chatroom_reactor_lag_max_seconds") == pytest.approx(3.0)


def test_a_server_that_has_stopped_looks_no_more() -> None:
    reactor = Late()
    reactor.run(1)
    assert reactor.timers() == 1
    reactor.lag.stopService()
    assert reactor.timers() == 0
    reactor.block(100)
    assert figure(reactor.registry, "chatroom_reactor_lag_max_seconds") == 0
    reactor.lag.stopService()


# Pages


class Visitor:
    """A program at the pages."""

    def __init__(self, why_not_ready: Callable[[], str] = str, registry: CollectorRegistry | None = None) -> None:
        self.clock = Clock()
        self.site = metrics_site(registry or Meters().registry, why_not_ready, self.clock)
        self.site.startFactory()
        self.connect()

    def connect(self) -> None:
        """Go on with another connection."""
        self.transport = StringTransport()
        self.channel = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        self.channel.makeConnection(self.transport)

    def hang_up(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    def send(self, sent: bytes) -> bytes:
        """What comes back."""
        self.transport.clear()
        self.channel.dataReceived(sent)
        return self.transport.value()

    def ask(self, line: str, *headers: str, body: bytes = b"") -> tuple[int, dict[str, str], str]:
        """By a connection of its own: status, headers and what was said."""
        self.hang_up()
        self.connect()
        request = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""])
        head, _, said = self.send(request.encode() + body).decode().partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        return int(first.split()[1]), dict(each.split(": ", 1) for each in rest), said


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.hang_up()


def test_the_figures_are_one_page_of_text(visitor: Visitor) -> None:
    status, headers, said = visitor.ask("GET /metrics")
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {"chatroom_messages", "chatroom_refusals", "process_open_fds", "python_gc_collections"} <= {
        family.name for family in text_string_to_metric_families(said)
    }


def test_it_lives_while_it_answers_and_is_ready_when_nothing_speaks_against_it() -> None:
    reasons = ["starting"]
    visitor = Visitor(lambda: reasons[0])
    assert visitor.ask("GET /healthz")[::2] == (200, "ok\n")
    assert visitor.ask("GET /readyz")[::2] == (503, "starting\n")
    reasons[0] = ""
    assert visitor.ask("GET /readyz")[::2] == (200, "ready\n")
    reasons[0] = "the storage cannot save: the disk is full"
    assert visitor.ask("GET /readyz")[::2] == (503, "the storage cannot save: the disk is full\n")
    assert visitor.ask("GET /healthz")[::2] == (200, "ok\n")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_head_is_told_the_same_without_the_page(visitor: Visitor, path: str) -> None:
    status, headers, said = visitor.ask(f"HEAD {path}")
    assert (status, said) == (200, "")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/all", "//metrics", "/%2e%2e/etc/passwd", "/?/metrics"])
def test_all_other_paths_are_not_there(visitor: Visitor, path: str) -> None:
    assert visitor.ask(f"GET {path}")[0] == 404


def test_parameters_of_a_path_do_not_matter(visitor: Visitor) -> None:
    assert visitor.ask("GET /readyz?verbose=1")[::2] == (200, "ready\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_done_but_to_ask(visitor: Visitor, method: str) -> None:
    status, headers, _ = visitor.ask(f"{method} /metrics", "Content-Length: 0")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("form", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_form_is_not_even_read(visitor: Visitor, form: str) -> None:
    assert visitor.ask("POST /metrics", f"Content-Type: {form}", "Content-Length: 4", body=b"a=%f")[0] == 405


@pytest.mark.parametrize("line", ["GET /metrics", "GET /none", "POST /metrics", "OPTIONS *", "GET *"])
def test_nobody_is_told_which_version_of_twisted_answers(visitor: Visitor, line: str) -> None:
    _, headers, said = visitor.ask(line)
    assert headers["Server"] == "chatroom"
    assert version.decode() not in f"{headers}{said}"


def test_a_bug_is_logged_and_tells_the_visitor_nothing(logged: LoggedErrors) -> None:
    def bug() -> str:
        raise ZeroDivisionError("a secret")

    status, headers, said = Visitor(bug).ask("GET /readyz")
    assert status == 500
    assert headers["Server"] == "chatroom"
    assert "secret" not in said
    assert "Traceback" not in said
    assert logged.flush(ZeroDivisionError)


def test_what_comes_with_a_request_is_kept_nowhere(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(*_: object, **__: object) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr("tempfile.TemporaryFile", kept)
    body = bytes(200_000)
    assert visitor.ask("GET /healthz", f"Content-Length: {len(body)}", body=body)[::2] == (200, "ok\n")


@pytest.mark.parametrize("headers", [b"X-Long: " + b"x" * 20_000, b"X: 1\r\n" * 600, b"X: %b\r\n" % (b"x" * 99) * 200])
def test_who_sends_headers_without_end_is_let_go(visitor: Visitor, headers: bytes) -> None:
    assert b"200 OK" not in visitor.send(b"GET /metrics HTTP/1.1\r\n" + headers)
    assert visitor.transport.disconnecting


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n"])
def test_who_says_nothing_or_not_all_is_let_go(visitor: Visitor, sent: bytes) -> None:
    visitor.clock.advance(HTTP_TIMEOUT - 1)
    visitor.send(sent)
    assert not visitor.transport.disconnecting
    visitor.clock.advance(1)
    assert visitor.transport.disconnected


def test_who_does_not_take_the_answer_is_let_go(visitor: Visitor) -> None:
    visitor.clock.advance(HTTP_TIMEOUT - 1)
    assert b"200 OK" in visitor.send(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert visitor.transport.disconnecting
    visitor.clock.advance(HTTP_TIMEOUT - 1)
    assert not visitor.transport.disconnected
    visitor.clock.advance(1)
    assert visitor.transport.disconnected


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connection_has_one_answer_however_much_it_asks(visitor: Visitor, version: str) -> None:
    asking = f"GET /healthz HTTP/{version}\r\nConnection: keep-alive\r\n\r\n".encode()
    told = visitor.send(asking * 1000)
    assert told.count(b"200 OK") == told.count(b"Connection: close") == 1
    assert visitor.transport.disconnecting
    assert visitor.send(asking) == b""


class Costly(Collector):
    """Counts how often it is asked."""

    asked = 0

    def collect(self) -> Iterator[Metric]:
        self.asked += 1
        yield GaugeMetricFamily("asked", "How often.", self.asked)


def test_however_many_ask_the_figures_are_collected_once_in_a_while() -> None:
    registry, costly = CollectorRegistry(), Costly()
    registry.register(costly)
    costly.asked = 0
    visitor = Visitor(registry=registry)
    assert {visitor.ask("GET /metrics")[2].splitlines()[-1] for _ in range(100)} == {"asked 1.0"}
    visitor.clock.advance(REUSED)
    assert visitor.ask("GET /metrics")[2].endswith("asked 2.0\n")
    assert costly.asked == 2


def test_only_so_many_are_connected_and_one_who_goes_makes_room(visitor: Visitor) -> None:
    first = visitor.channel
    for _ in range(CONNECTIONS_MOST - 1):
        visitor.connect()
        assert not visitor.transport.disconnecting
    visitor.connect()
    assert visitor.transport.disconnected
    visitor.hang_up()
    visitor.connect()
    assert visitor.transport.disconnected
    first.connectionLost(Failure(ConnectionDone()))
    visitor.connect()
    assert b"200 OK" in visitor.send(b"GET /healthz HTTP/1.1\r\n\r\n")


# Whether Prometheus would take it


def faults(told: str) -> list[str]:
    """What is wrong with a page, by the rules of the text format: a family's HELP and TYPE come before its samples, which
    stand together, each once."""
    bad, seen, known, family = [], set(), {}, ""
    for line in told.splitlines():
        if line.startswith("# "):
            _, what, name, words = line.split(" ", 3)
            if what == "HELP":
                family = name
                bad += [f"{name} comes twice"] if name in known else []
                bad += [f"{name} has no help"] if not words else []
            known[name] = words
            bad += [f"{what} of {name} does not stand with its family"] if name != family else []
        else:
            sample = line.rpartition(" ")[0]
            name = sample.partition("{")[0]
            ends = ("_bucket", "_sum", "_count") if known.get(family) == "histogram" else ("",)
            bad += [f"{sample} comes twice"] if sample in seen else []
            bad += [f"{sample} stands with {family}"] if name not in {family + end for end in ends} else []
            seen.add(sample)
    return bad


def everything(watched: Callable[..., Watched], where: Path) -> str:
    """A page with all figures there can be."""
    figures = watched(f"sqlite:{where}/chatroom.db", expiry=1.8e9)
    alice, bob = figures.world.enter_all("alice", "bob")
    alice.say("hello")
    bob.command("nonsense")
    figures.world.settle()
    return generate_latest(figures.registry).decode()


def test_the_page_is_as_the_text_format_says(watched: Callable[..., Watched], tmp_path: Path) -> None:
    told = everything(watched, tmp_path)
    assert faults(told) == []
    for family in text_string_to_metric_families(told):
        assert family.samples, family.name
        assert family.name.startswith(("chatroom_", "process_", "python_gc_"))
        assert (family.type == "counter") == any(sample.name.endswith("_total") for sample in family.samples)
        assert not family.name.endswith(("_ms", "_milliseconds", "_kib", "_percent"))
        assert all(len(sample.labels) <= 3 for sample in family.samples)


@pytest.mark.parametrize(
    "told",
    [
        "a_total 1\n# HELP a_total A.\n# TYPE a_total counter\n",
        "# HELP a_total A.\n# TYPE a_total counter\na_total 1\na_total 2\n",
        "# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a A.\n# TYPE a gauge\n",
        "# HELP a A.\n# TYPE a gauge\nb 1\n",
    ],
)
def test_a_page_that_is_wrong_is_found_so(told: str) -> None:
    assert faults(told)


@pytest.mark.process
@needs("promtool", "prometheus")
def test_promtool_has_nothing_to_say_against_the_page(watched: Callable[..., Watched], tmp_path: Path) -> None:
    told = everything(watched, tmp_path)
    done = subprocess.run(["promtool", "check", "metrics"], input=told.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
