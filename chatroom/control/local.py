"""What a command is that chatroomctl does by itself, on files, without a server; and those about the store.

Rows of a small table like the server's: the parser and the completion are made of both. What is done stands elsewhere.
"""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..request import Answer, Command, Refused
from ..storage.opening import file_of
from ..storage.refused import InUse, StorageRefused
from ..storage.sqlite_backup import back_up
from ..storage.sqlite_check import check as checked
from ..storage.sqlite_restore import restore as restored
from ..table import Parameter
from ..wire.json import JSON

Function = Callable[[Namespace], Answer]


@dataclass(frozen=True, slots=True)
class Flag:
    """An option that goes with some commands only."""

    name: str
    shown: str
    """What it takes; empty for a switch."""
    help: str
    convert: Callable[[str], Any] = str


FORCE = Flag("--force", "", "replace what is there")


@dataclass(frozen=True, slots=True)
class Local:
    """One command."""

    name: str
    parameters: tuple[Parameter, ...]
    function: Function
    """Is given the command line. Raises Refused, StorageRefused."""
    flags: tuple[Flag, ...] = ()
    several: bool = False
    """The last parameter may be given many times."""

    @property
    def help(self) -> str:
        return " ".join((self.function.__doc__ or "").split())

    @property
    def usage(self) -> str:
        words = [self.name, *(str(parameter) for parameter in self.parameters)]
        words += ["..."] if self.several else []
        words += [f"[{' '.join(filter(None, (flag.name, flag.shown)))}]" for flag in self.flags]
        return " ".join(words)

    def fault(self, words: list[str]) -> str:
        """What is wrong with so many words; empty for nothing."""
        least = sum(not parameter.optional for parameter in self.parameters)
        right = least <= len(words) and (self.several or len(words) <= len(self.parameters))
        for word, parameter in zip(words, self.parameters, strict=False):
            right = right and ("|" not in parameter.shown or word in parameter.shown.split("|"))
        return "" if right else f"it is chatroomctl {self.usage}"

    def answers(self, options: Namespace) -> Iterator[bytes]:
        """As a server would say it."""
        try:
            yield JSON.answer(self.function(options), Command(self.name))
        except Refused as refused:
            yield JSON.refuse(refused, "")
        except InUse as refused:
            yield JSON.refuse(Refused("in_use", refused.words), "")
        except StorageRefused as refused:
            yield JSON.refuse(Refused("storage", refused.words), "")


def backup(options: Namespace) -> Answer:
    """Copy the store into FILE, also while the server runs."""
    began, (to,) = time.monotonic(), options.words
    found = back_up(file_of(options.storage), to, replace=bool(options.force))
    size, seconds = os.path.getsize(to), round(time.monotonic() - began, 2)
    fields = {"messages": found.messages, "accounts": found.accounts, "rooms": found.rooms}
    told = f"{to}: {found}; {size} bytes in {seconds} s"
    return Answer(told, {"file": to, **fields, "bytes": size, "seconds": seconds})


def restore(options: Namespace) -> Answer:
    """Put a backup in the store's place, while no server runs; what was there is kept."""
    began, store, (file,) = time.monotonic(), file_of(options.storage), options.words
    found, kept = restored(store, file, time.time())
    seconds = round(time.monotonic() - began, 2)
    told = f"{store} is {file} now: {found}; in {seconds} s"
    told += f"\nwhat was there before is {kept}" if kept else ""
    fields = {"messages": found.messages, "accounts": found.accounts, "rooms": found.rooms}
    return Answer(told, {"file": store, "kept": kept, **fields, "seconds": seconds})


def check(options: Namespace) -> Answer:
    """Look whether the store, or FILE, is whole; also while the server runs."""
    began, path = time.monotonic(), options.words[0] if options.words else file_of(options.storage)
    wrong, found = checked(path)
    if wrong:
        raise Refused("damaged", "\n".join([f"{path} is not as it should be:", *wrong]), {"faults": wrong})
    assert found is not None  # since nothing is wrong
    seconds = round(time.monotonic() - began, 2)
    fields = {"messages": found.messages, "accounts": found.accounts, "rooms": found.rooms, "schema": found.version}
    told = f"{path} is whole: {found}; schema {found.version}, in {seconds} s"
    return Answer(told, {"file": path, **fields, "seconds": seconds})


STORE = (
    Local("backup", (Parameter("file", "FILE"),), backup, (FORCE,)),
    Local("restore", (Parameter("file", "FILE"),), restore),
    Local("check", (Parameter("file", "FILE", optional=True),), check),
)
