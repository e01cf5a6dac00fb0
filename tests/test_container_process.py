"""What `deploy/Dockerfile` does, done by hand: the server as process 1 of a namespace, as a user without a name, from a place
that is read-only. Docker itself is not asked for anything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server import PATIENCE, Person, Server, until
from .support import needs
from .test_deploy import health_check, image_environment
from .test_packaging import NOT_COPIED, NOT_LINKED, ROOT

pytestmark = [pytest.mark.process, needs("unshare", "util-linux"), needs("setpriv", "util-linux")]

USER = 65532
"""As in the Dockerfile."""

PLACE = "/mnt"
"""Where the image's parts are mounted, in a namespace of their own: also below a home directory that is its owner's only."""

RUN = f"""
set -e
shift
mount -t tmpfs tmpfs {PLACE}
mkdir {PLACE}/chatroom {PLACE}/state
mount --bind "$CODE" {PLACE}/chatroom
mount -o remount,bind,ro {PLACE}/chatroom
mount --bind "$STATE" {PLACE}/state
mount -o remount,ro {PLACE}
cd {PLACE}/state
export PATH={PLACE}/chatroom/bin:$PATH
user="--reuid={USER} --regid={USER} --clear-groups"
exec setpriv --pdeathsig keep $user --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""
"""In the new namespaces, as their process 1."""


def python_for_all() -> str:
    """That of this environment, or the same version where everybody may start it."""
    for program in (f"{sys.base_prefix}/bin/python{sysconfig.get_python_version()}", "/usr/bin/python3"):
        told = subprocess.run(
            ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", program, "-c",
             "import sysconfig; print(sysconfig.get_python_version())"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if told.stdout.strip() == sysconfig.get_python_version():
            return program
    pytest.skip("there is no Python here that other users may start")


def link(source: str, target: str) -> None:
    """A copy that takes neither time nor space, where it can be had."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is /opt/chatroom there: a virtual environment with what we require, the wheel, and the list of plugins."""
    if os.geteuid():
        pytest.skip("needs to be root, as who builds an image is")
    where = tmp_path_factory.mktemp("image")
    code, source = where / "code", where / "source"
    subprocess.run([python_for_all(), "-m", "venv", "--without-pip", code], check=True)
    packages = next(code.glob("lib/python*/site-packages"))
    shutil.copytree(sysconfig.get_path("purelib"), packages, copy_function=link, ignore=NOT_LINKED, dirs_exist_ok=True)
    shutil.copytree(ROOT, source, ignore=NOT_COPIED)
    python = [code / "bin" / "python", "-m", "pip", "-q"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    wheel = ["wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", where / "wheel", source]
    subprocess.run([*python, *wheel], env=bare, check=True)
    install = ["install", "--no-index", "--no-deps", *(where / "wheel").glob("*.whl")]
    subprocess.run([*python, *install], env=bare, check=True)
    twistd = code / "bin" / "twistd"
    twistd.write_text(
        f"#!{PLACE}/chatroom/bin/python\nimport sys\nfrom twisted.scripts.twistd import run\nsys.exit(run())\n"
    )
    twistd.chmod(0o755)
    told = subprocess.run(
        [code / "bin" / "python", twistd, "--help"], env=bare, capture_output=True, text=True, check=True
    )
    assert "chatroom" in told.stdout
    assert list(packages.rglob("dropin.cache"))
    return code


class Container(Server):
    """The server, as the image's entry point starts it."""

    def __init__(self, image: Path, state: Path, **variables: str) -> None:
        entry = ("twistd", "-n", "--pidfile=", "chatroom")
        environment = {**image_environment(), "CHATROOM_STORAGE": f"sqlite:{PLACE}/state/chatroom.db", **variables}
        del environment["PATH"]
        environment |= {"CHATROOM_LINE": "tcp:0:interface=127.0.0.1", "CHATROOM_METRICS": "tcp:0:interface=127.0.0.1"}
        environment |= {"CODE": str(image), "STATE": str(state)}
        super().__init__(
            state,
            program=entry,
            lines=(),
            before=(
                *("env", "-u", "PYTHONPATH", *(f"{name}={value}" for name, value in environment.items())),
                *("unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "sh", "-c", RUN, "sh"),
            ),
        )

    def start(self) -> Server:
        """Also until it listens, which it tells in JSON on standard error."""
        self.begin()
        self.stderr.wait(
            lambda lines: sum("listening on" in line for line in lines) >= 2, lambda: self.process.poll() is None
        )
        return self

    @property
    def ports(self) -> list[int]:
        """Of the line, and of monitoring."""
        lines = [json_line(line) for line in self.stderr.lines if "listening on" in line]
        return [int("".join(filter(str.isdigit, line.rpartition(":")[2].rpartition(" ")[2]))) for line in lines]

    @property
    def first(self) -> int:
        """The number outside of what is process 1 inside."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])


def json_line(line: str) -> str:
    message: str = json.loads(line)["message"]
    return message.removesuffix("/metrics")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The volume."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, USER, USER)
    return state


@pytest.fixture
def container(image: Path, state: Path) -> Iterator[Container]:
    with Container(image, state) as container:
        yield container


def test_process_1_stops_cleanly_when_it_is_told_to_and_tells_everyone(container: Container) -> None:
    status = Path(f"/proc/{container.first}/status").read_text()
    assert "\nNSpid:\t" in status
    assert status.partition("\nNSpid:\t")[2].partition("\n")[0].split()[-1] == "1"
    assert f"\nUid:\t{USER}\t{USER}\t" in status
    assert "\nCapEff:\t0000000000000000\n" in status
    alice = Person(container, "alice", at=container.ports[0])
    alice.say("hello")
    os.kill(container.first, signal.SIGTERM)
    assert "the server is stopping" in alice.rest()
    assert container.end() == 0
    assert not [line for line in container.stderr.lines if "dropin.cache" in line or '"level": "error"' in line]


def test_what_a_container_left_behind_keeps_the_next_from_nothing(image: Path, state: Path) -> None:
    (state / "twistd.pid").write_text("1")
    with Container(image, state) as killed:
        alice = Person(killed, "alice", at=killed.ports[0])
        alice.say("/echo on", "hello")
        alice.expect("alice: hello\r\n")
        os.kill(killed.first, signal.SIGKILL)
        killed.end()
    with Container(image, state) as container:
        bob = Person(container, at=container.ports[0])
        bob.say("bob")
        bob.expect("alice: hello\r\n")
        os.kill(container.first, signal.SIGTERM)
        assert container.end() == 0


def test_the_health_check_of_the_image_is_true_of_a_server_that_runs_and_of_no_other(container: Container) -> None:
    program, *arguments = health_check()
    assert program == "python"
    command = [sys.executable, *(part.replace("9180", str(container.ports[1])) for part in arguments)]
    assert subprocess.run(command, check=False, timeout=PATIENCE).returncode == 0
    os.kill(container.first, signal.SIGTERM)
    container.end()
    assert subprocess.run(command, check=False, timeout=PATIENCE, stderr=subprocess.DEVNULL).returncode == 1


def test_the_owner_looks_after_it_from_within(container: Container) -> None:
    command = [
        "nsenter",
        "-t",
        str(container.first),
        "-a",
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--clear-groups",
    ]
    ctl = [f"{PLACE}/chatroom/bin/python", "-m", "chatroom.control", "--storage", f"sqlite:{PLACE}/state/chatroom.db"]
    done = subprocess.run(
        [*command, *ctl, "status"], cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ready: chatroom ")


def test_what_another_process_leaves_behind_stays_hence_init_in_compose_and_disturbs_nothing(
    container: Container,
) -> None:
    orphan = ["nsenter", "-t", str(container.first), "-p", "-m", "sh", "-c", "sh -c 'exit 3' & exit 0"]
    subprocess.run(orphan, cwd="/", check=True)
    children = Path(f"/proc/{container.first}/task/{container.first}/children")
    until(lambda: [child for child in children.read_text().split() if is_zombie(child)], "nobody waits for it")
    os.kill(container.first, signal.SIGTERM)
    assert container.end() == 0


def is_zombie(process: str) -> bool:
    return ") Z " in Path(f"/proc/{process}/stat").read_text()
