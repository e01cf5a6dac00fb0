"""Soaking: a real server, and for as long as one likes people who come, talk, stall and vanish; `python -m soak`.

See docs/performance.md for what it found. Not part of what is installed.
"""
