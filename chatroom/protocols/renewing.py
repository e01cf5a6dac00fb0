"""Certificates that are shown, and taken up again when their files change: the old ones count until the new ones can be read.

Knows which files, and which certificate is for which name; not what is wrong in a file, nor connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from OpenSSL.SSL import Context
from twisted.logger import Logger

from .certificates import Certificate, Files, Stamp, day, folded, holds_both, stamp_of

CHAIN, KEY = "fullchain.pem", "privkey.pem"
"""What certbot calls a certificate with its chain, and the key of it, in a directory for each name."""


class Told(NamedTuple):
    """What looking at the files came to."""

    words: str
    wrong: bool


class _Pair:
    """One certificate with its key, as it was when it could be read last."""

    certificate: Certificate | None = None
    """None for one that came later, and could not be read yet."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._stamp: tuple[Stamp, Stamp] | None = None
        self._told: set[str] = set()
        """What was wrong since it could be read last."""

    def read(self) -> Certificate:
        """Raises OSError, and ValueError in words."""
        self._stamp = self._files.stamp()  # before, so that what changes meanwhile is read once more
        self.certificate = self._files.read()
        self._told.clear()
        return self.certificate

    def look(self, *, anyway: bool) -> Iterator[Told]:
        """Read it again where it has changed; `anyway`, also where it has not, and tell once more what is wrong."""
        if not anyway and self._files.stamp() == self._stamp:
            return
        old = self.certificate
        try:
            new = self.read()
        except (OSError, ValueError) as error:
            words = f"{_why(error)}; {old} is kept" if old else _why(error)
            if anyway or words not in self._told:
                self._told.add(words)
                yield Told(words, wrong=True)
            return
        if not old or new.chain != old.chain:
            yield Told(f"{new} is shown from now on", wrong=False)
            yield from out_of_date(new)


def _why(error: OSError | ValueError) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def out_of_date(certificate: Certificate) -> Iterator[Told]:
    """No reason to turn anybody away: whoever knows its fingerprint may not mind."""
    now = datetime.now(UTC)
    if certificate.expires < now:
        yield Told(f"{certificate} has expired", wrong=True)
    elif certificate.begins > now:
        yield Told(f"{certificate} is not valid before {day(certificate.begins)}", wrong=True)


class Folder:
    """A directory of certificates, as certbot's `live` is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamps: list[Stamp] = []
        self._watched: list[Path] = []

    def changed(self) -> bool:
        """Whether there may be others in it than when it was listed last."""
        return self._stamps != [stamp_of(path) for path in self._watched]

    def files(self) -> list[Files]:
        """Sorted by name: itself and each directory in it with fullchain.pem and privkey.pem, and each other *.pem in it that
        holds both. Raises OSError."""
        self._watched = [self.path]
        self._stamps = [stamp_of(self.path)]
        found = []
        for path in sorted([self.path, *self.path.iterdir()]):
            if path != self.path and (path.is_dir() or path.suffix == ".pem"):
                self._watched.append(path)  # what lacks something now may have it later
                self._stamps.append(stamp_of(path))
            if path.is_dir() and (path / CHAIN).exists() and (path / KEY).exists():
                found.append(Files(path / CHAIN, path / KEY))
            elif path.suffix == ".pem" and path.name not in (CHAIN, KEY) and path.is_file() and holds_both(path):
                found.append(Files(path, path))
        return found


class Renewing:
    """All certificates of one endpoint."""

    _log = Logger()

    def __init__(self, where: Folder | Sequence[Files]) -> None:
        """Raises OSError, and ValueError in words, for what cannot be read at the start."""
        self._folder = where if isinstance(where, Folder) else None
        self._pairs = {files: _Pair(files) for files in (where.files() if isinstance(where, Folder) else where)}
        self._folder_fault = ""
        if not self._pairs:
            assert self._folder is not None
            raise ValueError(
                f"{self._folder.path} holds no certificate with its key: no NAME/{CHAIN} with NAME/{KEY}, no NAME.pem with both"
            )
        for pair in self._pairs.values():
            pair.read()
        self._sort()

    @property
    def shown(self) -> list[Certificate]:
        """The first is for who names none, or an unknown one."""
        return [pair.certificate for pair in self._pairs.values() if pair.certificate]

    def begin(self) -> None:
        """They are about to be shown: log which of them had better not be."""
        for certificate in self.shown:
            for words, _ in out_of_date(certificate):
                self._log.warn("TLS: {words}", words=words)

    def look(self) -> None:
        """Take up what has changed since; what has not is not read."""
        for words, wrong in self._look(anyway=False):
            (self._log.warn if wrong else self._log.info)("TLS: {words}", words=words)

    def reload(self) -> list[Told]:
        """Read all of them again, and let those go that are no longer in the directory. Nothing of it is logged."""
        told = list(self._look(anyway=True))
        new = [each.words for each in told]
        return told + [each for one in self.shown for each in out_of_date(one) if each.words not in new]

    def context_for(self, name: bytes | None) -> Context:
        return self.choose(name).context

    def choose(self, name: bytes | None) -> Certificate:
        """The one that names it, else one with a `*` in place of its first label (RFC 9525, section 6.3), else the first."""
        asked = folded((name or b"").decode("ascii", "replace"))
        first, dot, rest = asked.partition(".")
        found = self._by_name.get(asked)
        if found is None and first and dot:
            found = self._by_name.get(f"*.{rest}")
        return found or self._first

    def _look(self, *, anyway: bool) -> Iterator[Told]:
        before = self.shown
        if self._folder and (anyway or self._folder.changed()):
            yield from self._list(self._folder, forget=anyway)
        for pair in self._pairs.values():
            yield from pair.look(anyway=anyway)
        if self.shown != before:
            self._sort()

    def _list(self, folder: Folder, *, forget: bool) -> Iterator[Told]:
        """See which there are: whoever puts files in place of others may take them away for a moment, so that those which
        are gone are kept until somebody asks to `forget` them."""
        try:
            found = folder.files()
        except OSError as error:
            fault = _why(error)
            if forget or fault != self._folder_fault:
                yield Told(f"{fault}; its certificates are kept", wrong=True)
            self._folder_fault = fault
            return
        self._folder_fault = ""
        for files in sorted(self._pairs.keys() - found):
            if forget and found:
                yield Told(f"{self._pairs.pop(files).certificate or files} is gone", wrong=False)
        self._pairs = {files: self._pairs.get(files) or _Pair(files) for files in sorted({*self._pairs, *found})}

    def _sort(self) -> None:
        self._first, *_ = shown = self.shown
        self._by_name: dict[str, Certificate] = {}
        for certificate in shown:
            for name in certificate.names:
                self._by_name.setdefault(name, certificate)
