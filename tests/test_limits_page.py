"""docs/limits.md and the code are equal: every limit, its figure, its option, its words and its test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from chatroom import times
from chatroom.operations.choices import OPTIONS
from chatroom.settings import Settings

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "chatroom"
PAGE = HERE.parent / "docs" / "limits.md"

NO_LIMITS = {
    "client.address.PORT": "where servers listen",
    "client.screen.asking.AROUND": "what is reckoned for a request beside its words",
    "client.screen.asking.LONGEST_CHARACTER": "what is reckoned for a character",
    "client.screen.background.MIDDLE": "between dark and light",
    "client.screen.clusters.CHARACTERS_KNOWN": "only for speed: nothing is different past it",
    "client.screen.hyperlinks.ID_BYTES": "of a digest",
    "client.screen.hyperlinks.LINKS_KNOWN": "only for speed: nothing is different past it",
    "client.screen.line.INDENT": "a width",
    "client.screen.palette.NICKS": "colours there are",
    "client.screen.pane.CELLS_KNOWN": "only for speed: nothing is different past it",
    "client.screen.typed.ALIKE": "a likeness",
    "client.screen.app.TAB": "how wide it is shown",
    "client.main.STAMP_BYTES": "chance in names",
    "client.main.WRONG_USAGE": "an exit status",
    "control.asking.STAMP_BYTES": "chance in names",
    "chat.CLAIM_CODE_BYTES": "chance in codes",
    "accounts.REMOVED_BYTES": "chance in names",
    "bans.IPV6_MAPPED": "where an address of IPv4 stands within one of IPv6",
    "control.certificate.PORT": "where servers would listen",
    "operations.addresses.IPV4_TOLD": "bits of an address",
    "operations.addresses.IPV6_MAPPED": "where an address of IPv4 stands within one of IPv6",
    "operations.addresses.IPV6_TOLD": "bits of an address",
    "operations.logs.INTEGER_BITS": "of a number",
    "operations.notify._MICROSECONDS": "a unit",
    "protocols.pem.HIGHEST_PORT": "of TCP",
    "commands.talk.HELLO_VERSION": "of the JSON format",
    "connections.SITES_KNOWN": "only for speed: nothing is different past it",
    "entering.GUEST_BYTES": "chance in names",
    "protocols.control._MODE": "of files",
    "protocols.line.SLICE": "only for speed: nothing is different past it",
    "entering.TOKEN_BYTES": "chance in tokens",
    "storage.sqlite_file.MODE": "of files",
    "storage.sqlite_backup._STEPS": "only for how soon Ctrl-C counts",
    "storage.sqlite_contents._ROOMS_SINCE": "a version",
    "storage.sqlite_index_schema.INDEX_VERSION": "of the schema",
    "storage.sqlite_index_schema.POSITION_BITS": "of a number in the index",
    "storage.sqlite_schema.APPLICATION": "tells our files",
    "storage.sqlite_schema.COLUMNS": "of a table",
    "storage.sqlite_schema.HIGHEST": "where SQLite's integers end",
    "storage.sqlite_schema.VERSION": "of the schema",
    "protocols.tcp._TCP_NOTSENT_LOWAT": "Linux's name for it",
    "tap.STAMP_BYTES": "chance in names",
    **{f"times.{unit}": "a unit" for unit in ("SECOND", "MINUTE", "HOUR", "DAY", "WEEK")},
}
"""Constants that are numbers and limit nothing. All others stand on the page."""

UNITS = {"KiB": 1024, "MiB": 1024**2, "days": times.DAY}
IN_MILLISECONDS = {"amending.EDITING", "talking.FILTER_MUTE"}
"""What stands on the page in seconds."""

TIMES = {name: value for name, value in vars(times).items() if name.isupper()}
"""Of which constants may be made."""

SETTINGS = {f"settings.Settings.{field.name}": field.default for field in fields(Settings)}


class Row(NamedTuple):
    what: str
    constant: str
    figure: str
    option: str
    past: str
    test: str


def rows() -> list[Row]:
    """All rows but the head and those that are headings."""
    lines = [line.split("|")[1:-1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    found = [Row(*(cell.strip() for cell in cells)) for cells in lines if len(cells) == len(Row._fields)]
    return [row for row in found if row.constant.startswith("`")]


ROWS = rows()


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def figure(cell: str) -> float:
    found = re.match(r"([\d,.]*\d)(?: (\w+))?", cell)
    assert found, cell
    return float(found[1].replace(",", "")) * UNITS.get(found[2], 1)


def constants() -> Iterator[tuple[str, float]]:
    """Every constant of the program that is a number."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for statement in ast.parse(path.read_text("utf-8")).body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                name = statement.targets[0].id
                try:
                    made = compile(ast.Expression(statement.value), str(path), "eval")
                    value = eval(made, {"__builtins__": {}, **TIMES})
                except Exception:  # it is made of something else
                    continue
                if name.isupper() and isinstance(value, int | float):
                    yield f"{module}.{name}", value


def value_of(constant: str) -> object:
    if constant in SETTINGS:
        return SETTINGS[constant]
    module, _, name = constant.rpartition(".")
    return getattr(import_module(f"chatroom.{module}"), name)


@cache
def patterns() -> list[re.Pattern[str]]:
    """Every text in the program, with what is put into it left open."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values]
                found.add("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value))
    return [re.compile(pattern) for pattern in found if len(pattern.replace(".*", "")) > 5]


def is_made_of_ours(words: str) -> bool:
    """Whether the program has such a text, or several that make it one behind the other."""
    if any(pattern.fullmatch(words) for pattern in patterns()):
        return True
    between = [place.span() for place in re.finditer(": | ", words)]
    return any(is_made_of_ours(words[:end]) and is_made_of_ours(words[start:]) for end, start in between)


def test_the_page_is_one_table_and_names_nothing_twice() -> None:
    page = PAGE.read_text("utf-8")
    assert page.count("| What |") == 1
    assert all(line.startswith("| ") for line in page[page.index("| What |") :].splitlines())
    named = [row.constant for row in ROWS]
    assert len(named) == len(set(named)) > 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.constant.strip("`"))
def test_a_limit_on_the_page_is_the_one_in_the_code(row: Row) -> None:
    (constant,) = quoted(row.constant)
    value = value_of(constant)
    assert isinstance(value, int | float)
    told = figure(row.figure) * (times.SECOND if constant in IN_MILLISECONDS else 1)
    assert told == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("row", [row for row in ROWS if row.option], ids=lambda row: row.constant.strip("`"))
def test_an_option_on_the_page_has_that_default(row: Row) -> None:
    (option,) = quoted(row.option)
    name, default = option.removeprefix("--").split()
    defaults = {option.name: option.default for option in OPTIONS}
    assert default == defaults[name]
    first, _, burst = default.partition(":")
    counts = {float(first), 1 / float(first), float(burst or first)}
    unit = times.DAY if name.endswith("-days") else 1
    assert any(figure(row.figure) == pytest.approx(count * unit) for count in counts)


def test_every_constant_that_is_a_number_is_on_the_page_or_no_limit() -> None:
    on_page = {quoted(row.constant)[0] for row in ROWS}
    in_code = dict(constants())
    assert set(in_code) - on_page - set(NO_LIMITS) == set()
    assert set(NO_LIMITS) - set(in_code) == set(), "gone from the code"
    assert on_page & set(NO_LIMITS) == set()
    assert on_page - set(in_code) - set(SETTINGS) == set()


def test_every_setting_that_is_a_number_is_on_the_page() -> None:
    numbers = {name for name, default in SETTINGS.items() if type(default) in (int, float)}
    assert numbers <= {quoted(row.constant)[0] for row in ROWS}


def test_every_option_that_is_a_number_is_on_the_page() -> None:
    options = {quoted(row.option)[0].split()[0] for row in ROWS if row.option}
    assert options == {f"--{option.name}" for option in OPTIONS if re.fullmatch(r"[\d.:]+", option.default)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.constant.strip("`"))
def test_what_is_told_on_the_page_are_words_of_the_program(row: Row) -> None:
    for words in quoted(row.past):
        if not words.startswith("/"):  # a command
            reason = re.search(r"(?<=\()[a-z ]+(?=\)$)", words)
            for told in (words.removeprefix("! "), *([reason[0]] if reason else ())):
                assert is_made_of_ours(told.removeprefix("* ")), told


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.constant.strip("`"))
def test_every_limit_names_a_test_that_exists(row: Row) -> None:
    (test,) = quoted(row.test)
    file, _, name = test.partition("::")
    tree = ast.parse((HERE / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
