"""The server that is soaked: a twistd of this checkout in a directory of its own, and what the kernel tells of it."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server import ANY_PORT, Person, Server, until

from .crowd import ACCOUNTS, ROOMS, account_name, password_of
from .probe import ROOM

ALONE = ("setsid", "setpriv", "--pdeathsig=KILL")
"""What runs it: Ctrl-C is for us, who still have to ask it something; but if we are killed, it ends too."""

OPTIONS = ("--rate", "15:30", "--grace", "30", "--stalled", "30")
"""Ten lines a second for the probe; and seconds, so that who vanishes is let go within the run."""

TRACEBACK = 30
"""Lines of the log that are shown of something wrong."""

WRONG = re.compile(r"#(?:error|critical)\]|Traceback|Unhandled")
"""What a log has in it when something went wrong."""


class Soaked(Server):
    """One that is reached in three ways."""

    def __init__(self, where: Path) -> None:
        self.certificate = signed(where / "localhost.pem")
        self.path = where / "socket"
        tls = f"ssl:0:interface=127.0.0.1:privateKey={self.certificate}:certKey={self.certificate}"
        rooms = [word for room in (*ROOMS, ROOM) for word in ("--room", room)]
        super().__init__(where, *rooms, *OPTIONS, lines=(ANY_PORT, tls, f"unix:{self.path}"), before=ALONE)

    @property
    def tls_port(self) -> int:
        return int(self.invitations[1].rpartition(":")[2])

    @property
    def sockets(self) -> int:
        return sum(opened.startswith("socket:") for opened in self.descriptors())

    def prepare(self) -> None:
        """Make the accounts, and have everything done once: threads, connections to the database and the index come with
        the first who need them."""
        listening = self.sockets
        for account in range(ACCOUNTS):
            register = {"nick": account_name(account), "password": password_of(account)}
            with Person(self) as somebody:
                somebody.send(f'{json.dumps({"register": register})}\n{{"quit": {{}}}}\n'.encode())
                heard = somebody.rest()
                assert '"answer":"register"' in heard, heard
        with Person(self, "first") as first:
            first.say("hello", "/search hello", "/history 5", "bye")
            first.rest()
        until(lambda: self.sockets <= listening, "connections are closed")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def threads(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE)
        assert found
        return int(found[1])

    @property
    def waited(self) -> float:
        """Milliseconds that the reactor's thread was ready to run, and others had the processor (proc(5), schedstat)."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e6

    def sizes(self) -> tuple[int, int]:
        """Bytes of the database with its index, and of their write-ahead logs."""
        files = {path.name: path.stat().st_size for path in self.where.glob("chatroom.db*") if path.is_file()}
        wal = sum(size for name, size in files.items() if name.endswith("-wal"))
        return sum(size for name, size in files.items() if not name.endswith(("-wal", "-shm"))), wal

    def wrong(self) -> list[str]:
        """What the log tells of something that must not be: each such line with those behind it, a traceback."""
        lines = [*self.log.lines, *self.stderr.lines]
        return ["\n".join(lines[at : at + TRACEBACK]) for at, line in enumerate(lines) if WRONG.search(line)]

    def __exit__(self, *_: object) -> None:
        """As it is ended by others, but that what its log tells is a verdict and no error of ours."""
        if self.alive:
            self.kill()
        for person in self.people:
            person.close()


def signed(path: Path) -> Path:
    """Write a key and a certificate that it signed itself, for a month."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
