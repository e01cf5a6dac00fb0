"""Bans and mutes: the fold of whom they hold for, and until when. Knows neither what is kept from whom they hold for, nor
who may end them; the time now is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from ipaddress import IPv4Network, IPv6Network, ip_network
from string import digits
from typing import Any, NamedTuple

from .connections import IPV6_SITE, site_of
from .event import Entry, Event, Kind, person_of
from .names import Name
from .request import Refused
from .times import told_time

IPV4_WIDEST = 8
"""Bits that a network has at least: the largest that anybody was ever given. What is larger is a slip of the keyboard."""

IPV6_WIDEST = 16
"""The same for IPv6, of which providers have no more than /19."""

IPV6_MAPPED = 96
"""Bits of an IPv6 address before the IPv4 address that it may hold (RFC 4291, section 2.5.5.2)."""

ACCOUNT = "account:"
"""Before a nickname, where the account is meant, wherever it is used."""

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

Key = tuple[Any, ...]


class Ban(NamedTuple):
    """Who is kept from something, by whom and why; a mute is the same."""

    eid: str
    name: str
    """What was asked for, as it is shown: a nickname, `account:NAME`, an address or a network."""
    whom: str
    """The id of a guest's stay or of an account; empty where it is about a network."""
    account: str
    """The id of the account; empty for a guest."""
    forms: tuple[str, ...]
    """Of a guest's nickname, folded and skeleton: it holds for guests who are called so, and for accounts made since."""
    network: str
    """What was asked for as such, and holds for all who come from there."""
    address: str
    """The site from which they came: it holds for guests from there, and for accounts made since."""
    by: str
    """The nickname of who did it."""
    by_id: str
    why: str
    since: int
    until: int
    """0 for never; as all times, UTC in milliseconds since 1970."""

    def ended(self, now: int) -> bool:
        return 0 < self.until <= now


class Who(NamedTuple):
    """Who wants to do something."""

    id: str
    """Empty for a stranger."""
    account_since: int | None
    """When their account was made; None for a guest."""
    forms: tuple[str, ...]
    """Of the nickname, folded and skeleton."""
    address: str
    """Empty for a Unix socket."""


class Target(NamedTuple):
    """What a ban is asked for."""

    shown: str
    name: Name | None = None
    """The nickname; None for a network."""
    account: bool = False
    """Whether it is the account that is meant, and not who is called so now."""
    network: str = ""


def target(text: str, nickname: Callable[[str], Name]) -> Target:
    """What is meant by NICK, account:NAME, an address or a network. Raises Refused, also with what `nickname` says."""
    if text.startswith(ACCOUNT):
        name = nickname(text.removeprefix(ACCOUNT))
        return Target(f"{ACCOUNT}{name.shown}", name, account=True)
    if ":" not in text and "/" not in text and text[:1] not in tuple(digits):  # none of which a nickname has
        name = nickname(text)
        return Target(name.shown, name)
    network = _network(text)
    if network is None:
        raise Refused(
            "bad_target", f"that is neither a nickname, {ACCOUNT}NAME, an address nor a network like 192.0.2.0/24"
        )
    widest = IPV4_WIDEST if network.version == 4 else IPV6_WIDEST
    if network.prefixlen < widest:
        raise Refused("ban_too_wide", f"that is too much of the internet: /{widest} is the widest network there can be")
    if any(network.version == loopback.version and network.overlaps(loopback) for loopback in _LOOPBACK):
        raise Refused("ban_loopback", "that is this machine itself: nobody is kept out by it")
    single = network.version == 4 and network.prefixlen == network.max_prefixlen
    return Target(str(network.network_address) if single else str(network), network=str(network))


class Bans:
    """Those that a log tells of. Pure: only entries change it, and what has ended is forgotten when a later one is made.
    An index by all that tells a person, since it is asked for each who enters: 40 us among 10,000."""

    def __init__(self, made: Kind, ended: Kind) -> None:
        """Made and ended by entries of these kinds: BANNED and UNBANNED, or MUTED and UNMUTED."""
        self._made = made
        self._ended = ended
        self._bans: dict[int, Ban] = {}
        """By their place in the order in which they were made."""
        self._places: dict[str, int] = {}
        """By eid."""
        self._keyed: dict[Key, dict[int, None]] = {}
        """The places of all that a key tells, in order."""
        self._widths: Counter[tuple[int, int]] = Counter()
        """How many networks there are of each version and prefix."""
        self._ends: list[tuple[int, str]] = []
        """A heap of when they end, and the eids."""
        self._next = 0

    def __len__(self) -> int:
        """How many take memory."""
        return len(self._bans)

    def fold(self, entry: Entry) -> None:
        event = entry.event
        if event.kind is self._made:
            self.drop_ended(event.time)
            self._add(_ban(event))
        elif event.kind is self._ended:
            for eid in _list(event.details.get("bans")):
                self._drop(eid)

    def drop_ended(self, now: int) -> None:
        """What has ended by now takes memory no more."""
        while self._ends and self._ends[0][0] <= now:
            _, eid = heappop(self._ends)
            if (place := self._places.get(eid)) is not None and self._bans[place].ended(now):
                self._drop(eid)

    def rename(self, id: str, nick: str) -> None:
        """Somebody is called so from now on, and is found by no nickname of before."""
        for place, ban in self._bans.items():
            told = ban._replace(by=nick) if ban.by_id == id else ban
            if told.whom == id:
                told = told._replace(name=nick, forms=())
                self._unindex(place, ban)
                self._index(place, told)
            self._bans[place] = told

    def of(self, who: Who, now: int) -> Ban | None:
        """The first that holds for them."""
        if not self._bans:  # as nearly everywhere
            return None
        found = (self._first(key, who, now) for key in self._keys_of(who))
        return self._bans[place] if (place := min(found, default=self._next)) < self._next else None

    def current(self, now: int) -> list[Ban]:
        """All that hold, in the order in which they were made."""
        return [ban for ban in self._bans.values() if not ban.ended(now)]

    def named(self, target: Target, now: int) -> list[Ban]:
        """Those that hold and were asked for so, for ending them."""
        return [ban for ban in self.current(now) if _is_named(ban, target)]

    def fade(self, time: int) -> None:
        """Forget from where those came who were banned before a time."""
        for place, ban in self._bans.items():
            if ban.address and ban.since < time:
                self._unindex(place, ban)
                self._bans[place] = ban._replace(address="")
                self._index(place, self._bans[place])

    def _add(self, ban: Ban) -> None:
        self._drop(ban.eid)
        self._bans[self._next] = ban
        self._places[ban.eid] = self._next
        self._index(self._next, ban)
        self._next += 1
        if ban.until:
            heappush(self._ends, (ban.until, ban.eid))

    def _drop(self, eid: str) -> None:
        if (place := self._places.pop(eid, None)) is not None:
            self._unindex(place, self._bans.pop(place))

    def _index(self, place: int, ban: Ban) -> None:
        for key in _keys(ban):
            self._keyed.setdefault(key, {})[place] = None
            if len(key) == 4:
                self._widths[key[1:3]] += 1

    def _unindex(self, place: int, ban: Ban) -> None:
        for key in _keys(ban):
            self._keyed[key].pop(place)
            if not self._keyed[key]:
                del self._keyed[key]
            if len(key) == 4:
                self._widths[key[1:3]] -= 1
                if not self._widths[key[1:3]]:
                    del self._widths[key[1:3]]

    def _keys_of(self, who: Who) -> Iterator[Key]:
        if who.id:
            yield "id", who.id
        for form in who.forms:
            yield "form", form
        if network := _network(site_of(who.address)):
            for version, width in self._widths:
                if version == network.version and width <= network.prefixlen:
                    yield _place_key("network", network, width)
                    yield _place_key("site", network, width)

    def _first(self, key: Key, who: Who, now: int) -> int:
        """The place of the first with this key; past all places when there is none."""
        since = None if key[0] in ("id", "network") else who.account_since
        for place in self._keyed.get(key, ()):
            ban = self._bans[place]
            if not ban.ended(now) and (since is None or since >= ban.since):
                return place
        return self._next


def _is_named(ban: Ban, target: Target) -> bool:
    if target.name is None or ban.network:
        return target.network == ban.network
    if target.account and not ban.account:
        return False
    called = ban.name.removeprefix(ACCOUNT).casefold()
    return called in (target.name.shown.casefold(), target.name.folded) or target.name.folded in ban.forms[:1]


def told(ban: Ban, now: int, places: bool) -> str:
    """One line for people: whom, by whom, until when and why. An address is told only where `places` says so."""
    name = "an address" if ban.network and not places else ban.name
    end = f"{'ended' if ban.ended(now) else 'until'} {told_time(ban.until)}" if ban.until else "for good"
    return f"{name}, by {ban.by or 'the server'}, {end}{f' ({ban.why})' if ban.why else ''}"


def _ban(event: Event) -> Ban:
    details = event.details
    until = details.get("until")
    name, whom, account, network, address = (
        str(details.get(detail) or "") for detail in ("name", "whom", "account", "network", "address")
    )
    site = _network(site_of(address))
    return Ban(
        event.eid,
        name,
        whom,
        account,
        tuple(_list(details.get("forms"))),
        network,
        str(site) if site else "",
        event.nick,
        person_of(event.by),
        event.text,
        event.time,
        until if isinstance(until, int) and until > 0 else 0,
    )


def _list(detail: Any) -> list[str]:
    return [each for each in detail if isinstance(each, str) and each] if isinstance(detail, list | tuple) else []


def _keys(ban: Ban) -> set[Key]:
    ids = {("id", id) for id in (ban.whom, ban.account) if id}
    places = (("network", _network(ban.network)), ("site", _network(ban.address)))
    in_places = {_place_key(sort, network, network.prefixlen) for sort, network in places if network}
    return {*ids, *(("form", form) for form in ban.forms), *in_places}


def _place_key(sort: str, network: IPv4Network | IPv6Network, width: int) -> Key:
    return sort, network.version, width, int(network.network_address) >> (network.max_prefixlen - width)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """An address or a network, IPv4 within IPv6 as IPv4, of IPv6 at least a site; None for anything else."""
    try:
        network = ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv4Network):
        return network
    mapped = network.network_address.ipv4_mapped
    if mapped and network.prefixlen >= IPV6_MAPPED:
        return ip_network((mapped, network.prefixlen - IPV6_MAPPED))
    return network if network.prefixlen <= IPV6_SITE else network.supernet(new_prefix=IPV6_SITE)
