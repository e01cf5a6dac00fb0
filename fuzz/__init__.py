"""Fuzzing of the whole server in one process, without sockets and clocks: `make fuzz MINUTES=10`.

Sessions of people and programs are recorded (recordings.py), mutated (mutation.py) and played (stage.py); single parts get
what was mutated too (parts.py). What is found is made short (shrinking.py) and written to a file, to be replayed.
"""
