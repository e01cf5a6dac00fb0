"""A chat as everybody writes it in Twisted: for each line, for each client, sendLine. Keeps nothing."""

from __future__ import annotations

import sys

from twisted.internet import protocol, reactor
from twisted.protocols.basic import LineOnlyReceiver


class Chat(LineOnlyReceiver):
    """One connection: its first line is the nickname."""

    nick = b""

    def connectionMade(self) -> None:
        self.sendLine(b"* Your nickname, please.")

    def lineReceived(self, line: bytes) -> None:
        if self.nick:
            self.tell_others(self.nick + b": " + line)
        else:
            self.nick = line
            self.sendLine(b"* You are " + line)
            self.tell_others(b"* " + line + b" joined")
            self.factory.clients.append(self)

    def tell_others(self, line: bytes) -> None:
        for client in self.factory.clients:
            if client is not self:
                client.sendLine(line)

    def connectionLost(self, reason) -> None:
        if self in self.factory.clients:
            self.factory.clients.remove(self)


if __name__ == "__main__":
    factory = protocol.Factory.forProtocol(Chat)
    factory.clients = []
    reactor.listenTCP(int(sys.argv[1]), factory, backlog=4096, interface="127.0.0.1")
    reactor.run()
