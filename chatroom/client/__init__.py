"""`chatroom`, the native client: one core that keeps a conversation whole over lost connections, and faces that show it.

core.py, with identity.py, bookmarks.py, outbox.py and questions.py (pure) - connection.py (keeps it connected) - face.py
(between it and a face) - plain.py (the face for pipes and plain terminals), with look.py and terminal.py - main.py.
"""
