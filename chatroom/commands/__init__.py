"""What people can ask for: one function for one thing, its docstring its help, its right declared. Every format asks here."""

from ..table import Table
from .account import ACCOUNT
from .audit import AUDIT
from .history import PAST
from .moderation import MODERATION
from .operator import OPERATOR
from .people import PEOPLE
from .private import PRIVATE
from .rooms import ROOMS
from .talk import TALK

COMMANDS = Table(TALK, ROOMS, PAST, PRIVATE, PEOPLE, ACCOUNT, MODERATION, AUDIT, OPERATOR)
