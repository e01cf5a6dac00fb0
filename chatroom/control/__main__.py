"""`python -m chatroom.control`: chatroomctl, where its script is not installed."""

from .start import main

if __name__ == "__main__":
    main()
