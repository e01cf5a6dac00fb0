"""Makes `twistd chatroom` and the endpoint `pem:` known. Every twistd on the machine loads this file, so it imports nothing of
ours, and what the endpoint needs only when there is one."""

from twisted.application.service import ServiceMaker
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from twisted.python.reflect import namedAny
from zope.interface import implementer


@implementer(IPlugin, IStreamServerEndpointStringParser)
class EndpointMaker:
    """Leads from the prefix of an endpoint string to a function of ours, as ServiceMaker does from a command to a module."""

    def __init__(self, prefix, function):
        self.prefix = prefix
        self._function = function

    def parseStreamServer(self, reactor, *arguments, **named):
        return namedAny(self._function)(reactor, *arguments, **named)


chatroom = ServiceMaker("Chat room", "chatroom.tap", "A chat room server with many listeners.", "chatroom")
pem = EndpointMaker("pem", "chatroom.protocols.pem.endpoint")
