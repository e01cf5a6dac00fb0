"""`chatroomctl`, with which who owns the server looks after it from a shell. It uses everything and is used by nothing."""
