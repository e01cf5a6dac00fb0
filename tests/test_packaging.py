"""However it is installed, twistd knows chatroom and starts it. Each form has a virtual environment of its own, where
the packages installed here are linked in, without chatroom: pip finds there what we require, and downloads nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom import __version__

ROOT = Path(__file__).parent.parent
PACKAGES = Path(sysconfig.get_path("purelib"))
NOT_LINKED = shutil.ignore_patterns("chatroom*", "__editable__*", "dropin.cache")
NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".venv", "venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis"),
    *("dropin.cache", "*.db", "*.db-*", "*.lock"),
)
MAN_PAGE = "share/man/man1/chatroom.1"
PATIENCE = 60.0  # seconds for one program: most take one

pytestmark = pytest.mark.process


class Environment:
    """A virtual environment that has all that this one has, but chatroom."""

    def __init__(self, where: Path) -> None:
        venv.create(where, symlinks=True)
        self.where = where
        self.python = where / "bin" / "python"
        packages = where / "lib" / PACKAGES.parent.name / "site-packages"
        shutil.copytree(PACKAGES, packages, copy_function=os.symlink, ignore=NOT_LINKED, dirs_exist_ok=True)
        self.twistd = where / "bin" / "twistd"
        self.twistd.write_text("import sys\nfrom twisted.scripts.twistd import run\nsys.exit(run())\n")
        # What this process was told about paths is not passed on. The current directory is none of ours.
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, *arguments],
            cwd=self.where,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str | Path) -> str:
        with self.start(*arguments) as process:
            said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        return said

    def pip(self, command: str, *arguments: str | Path) -> None:
        self.run("-m", "pip", "-q", command, "--no-index", "--no-build-isolation", *arguments)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, since building leaves files in it."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "chatroom", ignore=NOT_COPIED))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("wheel")
    Environment(where / "venv").pip("wheel", "--no-deps", "--wheel-dir", where, source)
    (built,) = where.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=["wheel", "directory", "editable", "checkout"])
def installed(
    request: pytest.FixtureRequest, source: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("installed") / "venv")
    assert "chatroom" not in environment.run(environment.twistd, "--help")
    match request.param:
        case "wheel":
            environment.pip("install", wheel)
        case "directory":
            environment.pip("install", source)
        case "editable":
            environment.pip("install", "-e", source)
        case "checkout":
            environment.variables["PYTHONPATH"] = str(source)
    runs_from = Path(environment.run("-c", "import chatroom; print(chatroom.__file__)").strip())
    assert runs_from.is_relative_to(source if request.param in ("editable", "checkout") else environment.where)
    return environment


@pytest.mark.parametrize(
    ("command", "places"),
    [
        (
            "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/twistd -n chatroom",
            ("README.md", "Makefile"),
        ),
        (
            "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/python -m pytest",
            ("README.md", "Makefile", ".ci/run"),
        ),
    ],
)
def test_a_command_is_the_same_wherever_it_stands(command: str, places: tuple[str, ...]) -> None:
    for place in places:
        assert command in (ROOT / place).read_text("utf-8"), place


def test_the_wheel_has_the_program_and_nothing_else(source: Path, wheel: Path) -> None:
    ours = {path.relative_to(source).as_posix() for path in (source / "chatroom").rglob("*") if path.is_file()}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    others = {"twisted/plugins/chatroom_plugin.py", f"chatroom-{__version__}.data/data/{MAN_PAGE}"}
    assert names == {name for name in ours if "__pycache__" not in name} | others
    assert wheel.name == f"chatroom-{__version__}-py3-none-any.whl"


def test_twistd_lists_chatroom(installed: Environment) -> None:
    lines = [line.split() for line in installed.run(installed.twistd, "--help").splitlines()]
    assert ["chatroom", "A", "chat", "room", "server", "with", "many", "listeners."] in lines


def test_twistd_tells_the_version_of_chatroom(installed: Environment) -> None:
    assert __version__ in installed.run(installed.twistd, "chatroom", "--version").split()


@pytest.mark.parametrize(("program", "module"), [("chatroom", "chatroom.client"), ("chatroomctl", "chatroom.control")])
def test_it_is_there_as_a_program(installed: Environment, source: Path, program: str, module: str) -> None:
    told = f"{program} {__version__}"
    assert installed.run("-m", module, "--version").strip() == told
    if installed.variables.get("PYTHONPATH") != str(source):  # a checkout has no scripts
        assert installed.run(installed.where / "bin" / program, "--version").strip() == told


def test_the_man_page_is_where_man_looks(installed: Environment, source: Path) -> None:
    runs_from = Path(installed.run("-c", "import chatroom; print(chatroom.__file__)").strip())
    if runs_from.is_relative_to(installed.where):  # the other forms leave all files where they are
        assert (installed.where / MAN_PAGE).read_text() == (source / "docs" / "chatroom.1").read_text()


@pytest.fixture
def server(installed: Environment, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    path = tmp_path / "line"
    process = installed.start(installed.twistd, "-n", "chatroom", "--storage", "memory:", "--line", f"unix:{path}")
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    with process:
        yield process, path
        process.kill()
    killer.cancel()


def test_twistd_starts_chatroom(server: tuple[subprocess.Popen[str], Path]) -> None:
    process, path = server
    assert process.stdout is not None
    with socket.socket(socket.AF_UNIX) as person:
        person.settimeout(PATIENCE)
        said = []
        for line in process.stdout:
            said.append(line)
            if str(path) in line and person.connect_ex(str(path)) == 0:  # it says where it listens, and does
                break
        else:
            pytest.fail("".join(said))
        assert person.recv(7, socket.MSG_WAITALL) == b"Welcome"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, -signal.SIGTERM)
