"""What people can ask for: one function for one thing, its docstring its help, its right declared. Every format asks here."""

from ..table import Table
from .account import ACCOUNT
from .operator import OPERATOR
from .people import PEOPLE
from .private import PRIVATE
from .talk import TALK

COMMANDS = Table(TALK, PRIVATE, PEOPLE, ACCOUNT, OPERATOR)
