"""The figures and the health of a real server, over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatroom.operations.pages import CONNECTIONS_MOST

from .server import ANY_PORT, PATIENCE, RUN_TWISTD, Person, Server, until
from .support import needs
from .test_faults import fill, mounted

pytestmark = pytest.mark.process

METRICS = ("--metrics", ANY_PORT)

OPERATIONS = Path(__file__).parent.parent / "docs" / "operations.md"


class Monitored(Server):
    """A server that is asked how it is."""

    def start(self) -> Monitored:
        self.begin()
        self.wait_for_log(lambda lines: sum("listening on" in line for line in lines) == len(self._lines) + 1)
        return self

    @property
    def pages(self) -> int:
        """The port of the pages."""
        found = re.search(r"http://\S+:(\d+)/metrics$", self.wait_for_line("/metrics"))
        assert found
        return int(found[1])

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and what was said."""
        connection = http.client.HTTPConnection("127.0.0.1", self.pages, timeout=PATIENCE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def figures(self) -> dict[tuple[str, frozenset[str]], float]:
        """All of them as they are now, by name and by the values of their labels. A page may be a second old; the next other
        one was made after we asked."""
        old = self.ask("/metrics")
        said = until(lambda: new[1] if (new := self.ask("/metrics")) != old else "", "another page")
        return {
            (sample.name, frozenset(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(said)
            for sample in family.samples
        }

    def figure(self, name: str, *labels: str) -> float:
        return self.figures().get((name, frozenset(labels)), 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Monitored]:
    with Monitored(tmp_path, "--rate", "0", "--history", "0", *METRICS) as server:
        yield server


def test_people_talk_and_the_figures_are_those(server: Monitored) -> None:
    alice, bob = Person(server, "alice"), Person(server, "bob")
    alice.expect(r"\* bob joined\r\n")
    assert server.figure("chatroom_messages_total", "said") == 0
    alice.say(*["hello"] * 100)
    for _ in range(100):
        bob.expect("alice: hello\r\n")
    figures = server.figures()
    assert figures["chatroom_messages_total", frozenset({"said"})] == 100
    assert figures["chatroom_entries_total", frozenset({"talk"})] == 100
    assert figures["chatroom_connections", frozenset({"text", "tcp"})] == 2
    assert figures["chatroom_people", frozenset({"no"})] == 2
    assert figures["chatroom_rooms", frozenset()] == 1
    assert figures["chatroom_deliveries_total", frozenset()] >= 200
    assert figures["chatroom_commit_seconds_count", frozenset()] == figures["chatroom_batch_entries_count", frozenset()]
    assert figures["chatroom_store_bytes", frozenset({"store"})] == (server.where / "chatroom.db").stat().st_size
    assert figures["chatroom_store_bytes", frozenset({"wal"})] > 0
    assert figures["chatroom_store_free_bytes", frozenset()] > 0
    assert figures["process_resident_memory_bytes", frozenset()] > 0
    until(lambda: server.figure("chatroom_reactor_lag_seconds_count") > 0, "a look at how late the reactor is")


def test_connections_are_told_apart_by_what_carries_them(tmp_path: Path) -> None:
    lines = (ANY_PORT, f"unix:{tmp_path}/lines")
    with Monitored(tmp_path, *METRICS, lines=lines) as server:
        Person(server, "alice")
        Person(server, "bob", at=f"{tmp_path}/lines")
        with Person(server) as carol:
            carol.send(b'{"hello": {"nick": "carol", "version": 1}}\n')
            carol.expect("welcome")
            figures = server.figures()
        assert figures["chatroom_connections", frozenset({"text", "tcp"})] == 1
        assert figures["chatroom_connections", frozenset({"text", "unix"})] == 1
        assert figures["chatroom_connections", frozenset({"json", "tcp"})] == 1


def test_a_reader_that_stalls_shows_and_is_gone_when_it_wakes(server: Monitored) -> None:
    sleeper = Person(server, "sleeper", buffer=4096)
    speaker = Person(server, "speaker")
    sleeper.expect(r"\* speaker joined\r\n")

    def held_up() -> bool:
        speaker.say(*["x" * 500] * 200)
        return server.figure("chatroom_readers_held_up") == 1

    until(held_up, "a reader that is held up")
    before = server.figure("chatroom_behind_entries_max")
    speaker.say(*["x" * 500] * 100)
    until(lambda: server.figure("chatroom_behind_entries_max") >= before + 100, "a reader that is so far behind")
    assert server.figure("chatroom_behind_entries") == server.figure("chatroom_behind_entries_max")
    speaker.say("the last")
    sleeper.expect("speaker: the last\r\n")
    until(lambda: server.figure("chatroom_readers_held_up") == 0, "nobody held up")
    assert server.figure("chatroom_behind_entries_max") == 0


def test_a_refused_login_counts_also_one_whose_password_was_asked_for(tmp_path: Path) -> None:
    with Monitored(tmp_path, *METRICS, lines=(f"unix:{tmp_path}/lines",)) as server:
        alice, stranger = (Person(server, at=f"{tmp_path}/lines") for _ in range(2))
        alice.enter("alice")
        alice.say("/register correct horse")
        alice.expect("alice is your own now")
        stranger.say("/login alice wrong horse")
        stranger.expect("! wrong name or password\r\n")
        assert server.figure("chatroom_login_failures_total", "login_failed") == 1
        assert server.figure("chatroom_refusals_total", "login_failed") == 1
        stranger.say("/login alice")
        stranger.expect("password")
        stranger.say("wrong horse")
        stranger.expect("Wrong name or password")
        assert server.figure("chatroom_login_failures_total", "login_failed") == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted(where, "size=8m")
    yield where
    subprocess.run(["umount", "--lazy", where], check=True)


def test_a_full_disk_makes_a_server_unready_but_not_dead_until_there_is_space_again(small_disk: Path) -> None:
    with Monitored(small_disk, "--rate", "0", "--history", "0", *METRICS) as server:
        bob = Person(server, "bob")
        assert server.ask("/readyz") == (200, "ready\n")
        assert 0 < server.figure("chatroom_store_free_bytes") < 8 << 20
        ballast = fill(small_disk)
        assert server.figure("chatroom_store_free_bytes") == 0

        def refused() -> bool:
            bob.say("x" * 3000)
            return server.figure("chatroom_commit_failures_total") > 0

        until(refused, "a commit that fails")
        assert server.ask("/readyz") == (503, "the storage cannot save: the disk is full\n")
        assert server.ask("/healthz") == (200, "ok\n")
        assert server.figure("chatroom_refusals_total", "not_saved") > 0
        ballast.unlink()
        bob.say("again")
        until(lambda: server.ask("/readyz") == (200, "ready\n"), "a server that is ready again")


def test_pages_are_there_over_tls_and_unix_sockets_too(tmp_path: Path) -> None:
    with Monitored(tmp_path, "--metrics", f"unix:{tmp_path}/pages") as server:
        server.wait_for_line(f"curl --unix-socket {tmp_path}/pages http://localhost/metrics")
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(PATIENCE)
            visitor.connect(f"{tmp_path}/pages")
            visitor.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            said = b""
            while more := visitor.recv(4096):
                said += more
            assert said.startswith(b"HTTP/1.0 200 OK\r\n")
            assert said.endswith(b"\r\n\r\nready\n")


@needs("openssl", "openssl")
def test_the_pages_and_the_end_of_the_certificate_over_tls(tmp_path: Path) -> None:
    pem = tmp_path / "localhost.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 30"
    subprocess.run([*make.split(), "-keyout", pem, "-out", pem], check=True, capture_output=True)
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    with Monitored(tmp_path, "--metrics", endpoint) as server:
        (port,) = re.findall(r"https://\S+:(\d+)/metrics$", server.wait_for_line("/metrics"))
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        visitor = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=PATIENCE, context=trusting)
        visitor.request("GET", "/healthz")
        assert visitor.getresponse().read() == b"ok\n"
        visitor.close()


def test_nothing_of_who_asks_stands_in_the_log(server: Monitored) -> None:
    before = len(server.log.lines)
    for path in ("/metrics", "/healthz", "/none"):
        server.ask(path)
        server.ask(path, "HEAD")
    with Person(server, "alice"):
        pass
    server.terminate()
    assert not [line for line in server.log.lines[before:] if re.search("GET|HEAD|HTTP", line)]


def test_who_asks_without_end_and_reads_nothing_has_one_answer_and_people_chat_on(server: Monitored) -> None:
    alice, bob = Person(server, "alice"), Person(server, "bob")
    with socket.socket() as visitor:
        visitor.settimeout(PATIENCE)
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        visitor.connect(("127.0.0.1", server.pages))
        with contextlib.suppress(ConnectionError):  # it is let go meanwhile
            visitor.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 40_000)
        alice.say("hello")
        bob.expect("alice: hello\r\n")
        told = b""
        with contextlib.suppress(ConnectionError):  # what is unread at the other side takes the answer with it
            while more := visitor.recv(1 << 16):
                told += more
    assert told.count(b"HTTP/1.1 200 OK") <= 1
    assert server.ask("/healthz") == (200, "ok\n")


def test_those_who_connect_and_say_nothing_are_so_many_at_most(server: Monitored) -> None:
    with contextlib.ExitStack() as crowd:
        pages = ("127.0.0.1", server.pages)
        visitors = [
            crowd.enter_context(socket.create_connection(pages, PATIENCE)) for _ in range(CONNECTIONS_MOST + 10)
        ]
        for refused in visitors[CONNECTIONS_MOST:]:
            with contextlib.suppress(ConnectionResetError):
                assert refused.recv(1) == b""
        visitors[0].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert visitors[0].recv(15) == b"HTTP/1.0 200 OK"
        with Person(server, "alice") as alice:
            alice.say("hello")


def test_the_store_is_measured_where_the_server_was_sent(tmp_path: Path) -> None:
    where = tmp_path / "elsewhere"
    where.mkdir()
    program = ("-c", RUN_TWISTD, "-n", "--pidfile=", f"--rundir={where}", "chatroom")
    with Monitored(tmp_path, *METRICS, program=program) as server:
        assert server.figure("chatroom_store_bytes", "store") == (where / "chatroom.db").stat().st_size > 0


def test_without_the_option_nothing_listens(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert "/metrics" not in str(server.log)


@needs("promtool", "prometheus")
def test_promtool_takes_the_page_and_the_rules_of_the_manual(server: Monitored, tmp_path: Path) -> None:
    Person(server, "alice").say("hello")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=server.ask("/metrics")[1].encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_of_the_manual())
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


FINE = {
    'up{job="chatroom"}': "1x1500",
    "chatroom_commit_failures_total": "0x1500",
    'chatroom_commit_seconds_bucket{le="0.25"}': "0+60x1500",
    'chatroom_commit_seconds_bucket{le="2.5"}': "0+60x1500",
    'chatroom_commit_seconds_bucket{le="+Inf"}': "0+60x1500",
    'chatroom_reactor_lag_seconds_bucket{le="0.25"}': "0+60x1500",
    'chatroom_reactor_lag_seconds_bucket{le="2.5"}': "0+60x1500",
    'chatroom_reactor_lag_seconds_bucket{le="+Inf"}': "0+60x1500",
    "chatroom_store_free_bytes": "9e9-1000x1500",
    "chatroom_readers_held_up": "3x1500",
    'chatroom_connections{format="text", transport="tcp"}': "10x1500",
    'chatroom_connections{format="json", transport="tls"}': "10x1500",
    'chatroom_login_failures_total{code="login_failed"}': "0+20x1500",
    'chatroom_login_failures_total{code="too_many_logins"}': "0+20x1500",
    "chatroom_certificate_expiry_timestamp_seconds": "2592000x1500",
}
"""A day of a server that is well, minute by minute."""

TROUBLE = {
    "ChatroomDown": {'up{job="chatroom"}': "0x1500"},
    "ChatroomCannotSave": {"chatroom_commit_failures_total": "0x1438 1x62"},
    "ChatroomCommitsSlow": {'chatroom_commit_seconds_bucket{le="0.25"}': "0+50x1500"},
    "ChatroomReactorLate": {'chatroom_reactor_lag_seconds_bucket{le="0.25"}': "0+50x1500"},
    "ChatroomDiskFillsUp": {"chatroom_store_free_bytes": "9e9-5000000x1500"},
    "ChatroomReadersHeldUp": {"chatroom_readers_held_up": "5x1500"},
    "ChatroomPasswordsGuessed": {'chatroom_login_failures_total{code="too_many_logins"}': "0+50x1500"},
    "ChatroomCertificateRunsOut": {"chatroom_certificate_expiry_timestamp_seconds": "1209600x1500"},
}
"""What is then otherwise, and who is called after a day."""


@needs("promtool", "prometheus")
@pytest.mark.parametrize("alert", [*TROUBLE, ""])
def test_an_alert_of_the_manual_calls_for_its_own_trouble_and_no_other(tmp_path: Path, alert: str) -> None:
    (tmp_path / "rules.yml").write_text(rules_of_the_manual())
    series = [{"series": name, "values": values} for name, values in (FINE | TROUBLE.get(alert, {})).items()]
    calling = 'count by (alertname) (ALERTS{alertstate="firing"}) or absent(ALERTS{alertstate="firing"})'
    expected = {"labels": f'{{alertname="{alert}"}}' if alert else '{alertstate="firing"}', "value": 1}
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": calling, "eval_time": "1440m", "exp_samples": [expected]}],
    }
    tests = tmp_path / "tests.yml"  # JSON is YAML
    tests.write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_the_manual_names_all_figures_and_no_others(server: Monitored) -> None:
    with Person(server, "alice") as alice:
        alice.say("/nonsense")
        alice.expect("!")
        told = {name for name, _ in server.figures()}
    families = {re.sub(r"_(bucket|sum|count|info)$", "", name) for name in told}
    manual = OPERATIONS.read_text("utf-8")
    ours = {re.sub(r"_(bucket|sum|count|info)$", "", name) for name in re.findall(r"\bchatroom_[a-z_]+", manual)}
    assert {name for name in families if name.startswith("chatroom_")} <= ours
    assert ours - families <= {"chatroom_certificate_expiry_timestamp_seconds"}


def rules_of_the_manual() -> str:
    (rules,) = re.findall(r"```yaml\n(groups:.*?)```", OPERATIONS.read_text("utf-8"), re.DOTALL)
    return rules
