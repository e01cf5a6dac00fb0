"""What the person who runs the server needs: how it is configured, watched, told of in logs and figures, and looked after.

It uses everything; nothing of the chat itself knows of it.
"""
