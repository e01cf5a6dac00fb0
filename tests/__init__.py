"""The tests. What holds for all of them stands in conftest.py, what they share in support.py."""
