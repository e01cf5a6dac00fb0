"""Who may ask for what, as the program has it: `python -m tests.rights_page` writes the table into docs/moderation.md."""

from __future__ import annotations

from pathlib import Path

from chatroom.commands import COMMANDS
from chatroom.rights import Right, Role, may
from chatroom.table import Ask

PAGE = Path(__file__).parent.parent / "docs" / "moderation.md"

BEGIN = "<!-- who may what: written by `make rights` -->"
END = "<!-- end -->"

MORE = (
    ("say and /me, where only who has a voice may talk", Right.SPEAK),
    ("/topic TEXT", Right.MODERATE),
    ("/delete NICK [N]", Right.MODERATE),
    ("addresses in /whois, /bans, /audit", Right.SEE_ADDRESSES),
)
"""What is no command by itself."""


def row(what: str, right: Right) -> str:
    cells = ["yes" if may(role, right) else "" for role in Role]
    return f"| {what} | {' | '.join(cells)} |".replace("|  ", "| ")


def table() -> str:
    """In Markdown; in the order in which help shows the commands."""
    heads = ["what", *(role.value for role in Role)]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
    lines += [row(shown(ask), ask.right) for ask in COMMANDS]
    lines += [row(what, right) for what, right in MORE]
    return "\n".join(lines)


def shown(ask: Ask) -> str:
    """What people type; of what is done without naming it, only the name."""
    words = ask.usage.split()
    command = " ".join(words[: 2 if words[0] == "/server" else 1])
    return f"`{command}`" if ask.listed else ask.name


def page() -> str:
    """The whole of it, with the table as the program has it."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(table())
