"""`chatroom`, the native client: one core that keeps a conversation whole over lost connections, and faces that show it.

core.py, with coming.py, channel.py, identity.py, whereabouts.py, bookmarks.py, outbox.py and questions.py (pure) -
connection.py (keeps it connected) - face.py (between it and a face) - plain.py (the face for pipes and plain terminals), with
lines.py, patience.py, look.py, happened.py and terminal.py - main.py.
"""
