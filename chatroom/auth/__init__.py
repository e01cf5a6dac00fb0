"""Whose password is right: what is kept of one, and twisted.cred to ask ours or any other checker. Knows no session."""
