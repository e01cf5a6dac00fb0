"""What lies in `deploy/` is sound, and neither it nor its page names anything that the program does not have."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from chatroom.control.options import read
from chatroom.operations.sources import CONFIG, NAMES, PREFIX, file, settle
from chatroom.options import Options

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, ROOT, Server
from .support import needs

DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("chatroom*.*") if path.suffix in (".service", ".socket", ".timer"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
INSTALLED = "/opt/chatroom/bin/"

EXPOSURE = 15
"""Tenths of what systemd-analyze calls the exposure of a service, from 0 to 10, at most."""

BUILT_IN = ("tcp", "unix", "ssl")
"""Kinds of endpoints that are no plugins of Twisted."""

OTHER_PROGRAMS = frozenset({
    "nodaemon", "pidfile", "no-cache-dir", "no-deps", "wheel-dir", "from", "chown", "interval", "timeout", "start-period",
    "force", "quiet", "help", "now", "grep", "build", "cert", "key", "system", "standalone", "deploy-hook",
    "tags", "always", "output",
})  # fmt: skip
"""Options of apt, certbot, docker, git, systemctl, chatroomctl's commands and others."""


def pages() -> list[Path]:
    return [path for path in sorted(DEPLOY.iterdir()) if path.is_file()] + [ROOT / "docs" / "deploy.md"]


def settings(unit: str, name: str) -> Iterator[str]:
    for line in (DEPLOY / unit).read_text("utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == name:
            yield value


# systemd


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they are, but that the programs which they start are there."""
    where = tmp_path_factory.mktemp("units")
    for program in ("twistd", "chatroomctl"):
        (where / program).write_text("#!/bin/sh\n")
        (where / program).chmod(0o755)
    for name in UNITS:
        (where / name).write_text((DEPLOY / name).read_text("utf-8").replace(INSTALLED, f"{where}/"))
    return where


@pytest.mark.process
@needs("systemd-analyze", "systemd")
def test_systemd_finds_nothing_wrong_with_any_unit(installed: Path) -> None:
    assert {
        "chatroom.service",
        "chatroom.socket",
        "chatroom-tls.socket",
        "chatroom-backup.service",
        "chatroom-backup.timer",
    } <= set(UNITS)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(installed / name for name in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.process
@needs("systemd-analyze", "systemd")
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_exposed_to_little(installed: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", installed / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_the_server_is_started_and_asked_with_options_that_it_has() -> None:
    (start,) = settings("chatroom.service", "ExecStart")
    program, *arguments = shlex.split(start)
    assert program == f"{INSTALLED}twistd"
    ours = arguments[arguments.index("chatroom") + 1 :]
    assert ours[::2] == ["--config", "--log-format", "--storage"]
    parsed = Options()
    parsed.parseOptions(["--storage", ours[5], "--check"])
    (reload,) = settings("chatroom.service", "ExecReload")
    program, *arguments = shlex.split(reload)
    assert program == f"{INSTALLED}chatroomctl"
    assert read(arguments).storage == parsed["storage"]
    _, backup = settings("chatroom-backup.service", "ExecStart")
    program, *arguments = shlex.split(shlex.split(backup)[2].replace("$$(date +%%F)", "today"))
    assert program == f"{INSTALLED}chatroomctl"
    assert read(arguments).storage == parsed["storage"]
    wrapper = (DEPLOY / "chatroomctl").read_text("utf-8").splitlines()[-1]
    _, program, *arguments = shlex.split(wrapper.replace('"$@"', "status"))
    assert program == f"{INSTALLED}chatroomctl"
    assert read(arguments).storage == parsed["storage"]


@pytest.mark.process
def test_a_backup_first_takes_away_what_is_too_old_or_unfinished_and_never_the_newest(tmp_path: Path) -> None:
    first, _ = settings("chatroom-backup.service", "ExecStart")
    command = shlex.split(first.replace("/var/lib/chatroom-backup", str(tmp_path)))
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""  # on the first day
    days = [f"chatroom-2025-10-{day}.db" for day in range(10, 30)]
    others = ["chatroom-before-upgrade.db", "notes"]
    parts = [f"{days[-1]}.part", f"{days[-1]}.part-journal"]
    for name in (*days, *others, *parts):
        (tmp_path / name).touch()
    for _ in range(2):
        subprocess.run(command, check=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*days[-13:], *others])


def test_the_server_refuses_before_it_has_no_memory_left() -> None:
    (limit,) = settings("chatroom.service", "LimitAS")
    assert re.fullmatch(r"\d+G", limit)


@pytest.mark.process
def test_what_is_installed_is_what_is_committed_in_a_directory_of_its_own(tmp_path: Path) -> None:
    """But for pip, in whose place something notes what it is given."""
    clone, programs = tmp_path / "clone", tmp_path / "bin"
    for directory in (clone / "deploy", clone / "build" / "lib", programs):
        directory.mkdir(parents=True)
    (clone / "build" / "lib" / "zombie.py").touch()
    (clone / ".gitignore").write_text("build/\n")
    script = (DEPLOY / "chatroom-install").read_text("utf-8").replace("/opt/chatroom", f"{tmp_path}/opt")
    (clone / "deploy" / "chatroom-install").write_text(script)
    (programs / "python3").write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"\n'
        f'printf \'#!/bin/sh\\nfind "$3" -type f -printf "%%P\\\\n" >{tmp_path}/given\\n\' >"$3/bin/pip"\n'
        'printf "#!/bin/sh\\n[ ! -e /${BROKEN:-none} ]\\n" >"$3/bin/twistd"\nchmod 755 "$3"/bin/*\n'
    )
    (programs / "python3").chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=clone, env=environment | more, capture_output=True, text=True, check=False)

    for arguments in ("init", "add .", "-c user.name=n -c user.email=e@x commit -m one"):
        assert run("git", *arguments.split()).returncode == 0
    name = f"{tmp_path}/opt-{run('git', 'describe', '--always').stdout.strip()}"
    failed = run("sh", "deploy/chatroom-install", BROKEN="etc")
    assert (failed.returncode, failed.stdout, Path(name).exists()) == (1, "", False)
    done = run("sh", "deploy/chatroom-install")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name}\n", "")
    assert sorted((tmp_path / "given").read_text().splitlines()) == [".gitignore", "deploy/chatroom-install"]
    again = run("sh", "deploy/chatroom-install")
    assert (again.returncode, again.stdout) == (1, "")
    assert f"{name} is there already" in again.stderr
    assert not list(tmp_path.glob("tmp.*"))


def test_each_package_that_a_test_needs_is_installed_by_ci() -> None:
    needed = set()
    for path in (ROOT / "tests").glob("test_*.py"):
        for packages in re.findall(r'\bneeds\("[^"]+", "([^"]+)"\)', path.read_text("utf-8")):
            needed |= set(packages.split())
    (listed,) = re.findall(r"^packages=\((.*?)\)", (ROOT / ".ci" / "run").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(needed) > 10
    assert needed - {"no-such-package"} <= set(listed.split())


def test_the_backup_is_made_by_the_user_whose_the_store_is() -> None:
    assert list(settings("chatroom-backup.service", "User")) == ["chatroom"]
    for unit in SERVICES:
        assert list(settings(unit, "DynamicUser")) == ["yes"]
        assert next(settings(unit, "StateDirectory")).split()[0] == "chatroom"


def test_the_name_of_the_socket_is_that_of_the_endpoint() -> None:
    (name,) = settings("chatroom.socket", "FileDescriptorName")
    for page in (DEPLOY / "chatroom.socket", ROOT / "docs" / "deploy.md"):
        assert f"systemd:domain=INET:name={name}" in page.read_text("utf-8")
    assert list(settings("chatroom.socket", "ListenStream")) == ["127.0.0.1:6000"]  # in clear for nobody else
    (name,) = settings("chatroom-tls.socket", "FileDescriptorName")
    for page in (DEPLOY / "chatroom-tls.socket", ROOT / "docs" / "deploy.md"):
        assert f"pem:systemd={name}:cert=" in page.read_text("utf-8")


# The configuration


def test_the_example_of_a_configuration_has_only_what_the_program_knows() -> None:
    source = file(str(DEPLOY / "chatroom.toml"))
    assert source.faults == ()
    assert settle([source]).faults == {}
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    tables = [tomllib.loads(block) for block in indented(page) if re.match(r"[a-z-]+ = ", block)]
    assert tables
    for table in tables:
        assert table.keys() <= NAMES.keys()


def indented(page: str) -> list[str]:
    """The blocks of a page that are code."""
    return [
        re.sub("^    ", "", block, flags=re.MULTILINE) for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE)
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_each_option_that_is_named_is_there(page: Path) -> None:
    words = page.read_text("utf-8")
    named = set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", words))
    ours = {*NAMES, CONFIG, "check", "json", "version"}
    assert named <= ours | OTHER_PROGRAMS
    variables = set(re.findall(rf"{PREFIX}([A-Z_]+)", words))
    assert {name.lower().replace("_", "-") for name in variables} <= {*NAMES, CONFIG}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_each_endpoint_that_is_named_is_of_a_kind_that_is_there(page: Path) -> None:
    kinds = {parser.prefix for parser in getPlugins(IStreamServerEndpointStringParser)} | {"haproxy", *BUILT_IN}
    lines = re.findall(r"[\"'=` ]([a-z][a-z0-9]*):(?:\d+|domain=|tcp)[:\w\\]", page.read_text("utf-8"))
    assert set(lines) <= kinds


# Certificates


@pytest.mark.process
def test_the_hook_of_certbot_puts_both_files_where_the_group_may_read_them_and_tells_the_server(tmp_path: Path) -> None:
    lineage, programs, to = tmp_path / "live", tmp_path / "bin", tmp_path / "tls"
    lineage.mkdir()
    programs.mkdir()
    (lineage / "privkey.pem").write_text("a key")
    (lineage / "fullchain.pem").write_text("a certificate")
    (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n')
    (programs / "systemctl").chmod(0o755)
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    hook = (DEPLOY / "chatroom-certificates").read_text("utf-8")
    hook = (
        hook.replace("/etc/chatroom/tls", str(to)).replace("chatroom-secrets", group).replace("-o root", f"-o {user}")
    )
    environment = {"RENEWED_LINEAGE": str(lineage), "PATH": f"{programs}:/usr/bin:/bin"}
    for _ in range(2):  # once new, once over what is there
        subprocess.run(["sh", "-c", hook], env=environment, check=True)
    found = {path.name: (path.read_text(), oct(path.stat().st_mode & 0o777)) for path in to.iterdir()}
    assert found == {"privkey.pem": ("a key", "0o640"), "fullchain.pem": ("a certificate", "0o640")}
    assert to.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "told").read_text().splitlines() == ["--quiet is-active chatroom", "reload chatroom"] * 2


# Containers


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def test_the_image_is_made_of_what_is_there_and_starts_the_server_as_the_tests_do() -> None:
    steps = instructions()
    known = {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
    }
    assert {word for word, _ in steps} <= known
    given = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    taken = {source for word, rest in steps if word == "COPY" and "--from" not in rest for source in rest.split()[:-1]}
    assert taken == given
    assert all((ROOT / source).exists() for source in taken)
    assert json.loads(dict(steps)["ENTRYPOINT"]) == ["twistd", "-n", "--pidfile=", "chatroom"]
    assert re.fullmatch(r"\d+:\d+", dict(steps)["USER"])
    assert dict(steps)["STOPSIGNAL"] == "SIGTERM"


def image_environment() -> dict[str, str]:
    (variables,) = (rest for word, rest in instructions() if word == "ENV")
    return dict(variable.split("=", 1) for variable in shlex.split(variables))


def health_check() -> list[str]:
    (rest,) = (rest for word, rest in instructions() if word == "HEALTHCHECK")
    command: list[str] = json.loads(rest.partition("CMD ")[2])
    return command


def test_the_health_check_asks_where_the_image_answers() -> None:
    _, port, interface = image_environment()["CHATROOM_METRICS"].split(":")
    assert f"'{interface.removeprefix('interface=')}', {port}," in health_check()[2]


def test_what_compose_is_told_has_the_shape_that_it_takes() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r"(  )*(#.*|- .*|[\w-]+:( .*)?)|", line), line
    for line in ("read_only: true", "- ALL", "- no-new-privileges:true", "init: true", "- state:/var/lib/chatroom"):
        assert f"      {line}\n" in text or f"    {line}\n" in text
    if importlib.util.find_spec("yaml"):
        yaml: Any = importlib.import_module("yaml")
        service = yaml.safe_load(text)["services"]["chatroom"]
        assert (
            DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]
        ).resolve() == DEPLOY / "Dockerfile"


# Behind a proxy


@pytest.mark.process
@needs("haproxy", "haproxy")
def test_haproxy_takes_its_configuration() -> None:
    done = subprocess.run(["haproxy", "-c", "-f", DEPLOY / "haproxy.cfg"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


@pytest.mark.process
@needs("haproxy", "haproxy")
@needs("openssl", "openssl")
def test_behind_haproxy_people_come_from_where_they_are_in_clear_and_over_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        capture_output=True, check=True,
    )  # fmt: skip
    lines = (f"haproxy:{ANY_PORT}", f"haproxy:pem:0:interface=127.0.0.1:cert={certificate}:key={key}")
    with (
        socket.create_server(("127.0.0.1", 0)) as clear,
        socket.create_server(("127.0.0.1", 0)) as secure,
        Server(tmp_path, "--proxy", "127.0.0.1", lines=lines) as server,
    ):
        ports = [int(re.findall(r"\d+", invitation)[-1]) for invitation in server.invitations]
        text = (DEPLOY / "haproxy.cfg").read_text("utf-8")
        text = text.replace(":::6000 v4v6", f"fd@{clear.fileno()}").replace(":::6697 v4v6", f"fd@{secure.fileno()}")
        text = text.replace(":6001 ", f":{ports[0]} ").replace(":6698 ", f":{ports[1]} ")
        text = re.sub(r"^    (user|group|log|maxconn|option tcplog)\b.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / "haproxy.cfg").write_text(text)
        given = (clear.fileno(), secure.fileno())
        with subprocess.Popen(["haproxy", "-db", "-f", tmp_path / "haproxy.cfg"], pass_fds=given) as proxy:
            try:
                plain = socket.create_connection(clear.getsockname(), PATIENCE, source_address=("127.0.0.5", 0))
                over = socket.create_connection(secure.getsockname(), PATIENCE, source_address=("127.0.0.6", 0))
                context = ssl.create_default_context(cafile=str(certificate))
                with plain, context.wrap_socket(over, server_hostname="localhost") as encrypted:
                    for connection, nick in ((plain, b"alice"), (encrypted, b"bob")):
                        connection.sendall(nick + b"\n")
                        with connection.makefile("rb") as heard:
                            assert any(b"* You are " + nick in line for line in heard)
                    who = [sys.executable, "-m", "chatroom.control", "who", "--json"]
                    told = subprocess.run(
                        who, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
                    )
                    people = json.loads(told.stdout)["people"]
                    found = {person["nick"]: person["connections"][0]["address"] for person in people}
                    assert found == {"alice": "127.0.0.5", "bob": "127.0.0.6"}
            finally:
                proxy.terminate()
        server.terminate()
