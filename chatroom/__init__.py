"""A chat server for Twisted: a room is a log, a member is a cursor; formats render and parse, protocols carry."""

__version__ = "0.1.0"
