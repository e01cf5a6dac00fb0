"""Makes `twistd chatroom` known. Every twistd on the machine loads this file, so it imports nothing of ours."""

from twisted.application.service import ServiceMaker

chatroom = ServiceMaker("Chat room", "chatroom.tap", "A chat room server with many listeners.", "chatroom")
