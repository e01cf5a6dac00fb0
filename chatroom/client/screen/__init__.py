"""The face of the client that fills a terminal: rooms as windows, and a line that is typed."""
