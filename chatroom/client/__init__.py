"""`chatroom`, the native client: one core that keeps a conversation whole over lost connections, and faces that show it.

core.py (pure) - connection.py (keeps it connected) - plain.py (the face for pipes and plain terminals) - main.py.
"""
