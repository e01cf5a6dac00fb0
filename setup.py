"""How chatroom is built and what it needs. What the tools need stands in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "chatroom" / "__init__.py").read_text("utf-8"), re.MULTILINE)
README = HERE / "README.md"

setup(
    name="chatroom",
    version=VERSION[1],  # read, not imported: nothing of ours is installed yet
    description="A chat server for Twisted: telnet, nc and programs in the same rooms, with history that survives.",
    long_description=README.read_text("utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    author="The chatroom authors",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    package_dir={"": "."},  # makes `pip install -e` write a path entry, which the search for plugins needs
    packages=[*find_packages(include=["chatroom", "chatroom.*"]), "twisted.plugins"],
    zip_safe=False,  # Twisted looks for plugins in directories
    entry_points={
        "console_scripts": ["chatroom=chatroom.client.start:main", "chatroomctl=chatroom.control.start:main"]
    },
    install_requires=[
        "twisted[tls]>=26.10",  # the first with bounded telnet and IRC input
        "precis-i18n>=1.1.2",
        "confusable-homoglyphs>=3.3",
        "regex>=2026.11",
        "cryptography>=50",  # these two come with twisted[tls]; pem: and make-cert use them by name
        "pyOpenSSL>=26",
        "argon2-cffi>=25.1",
        "prometheus-client>=0.26",  # --metrics: the text format, histograms, the process
        "prompt_toolkit>=3.0.53",  # the client's screen
        "wcwidth>=0.9",  # how wide it writes what, which prompt_toolkit would take of any version
    ],
    data_files=[("share/man/man1", ["docs/chatroom.1"])],
    extras_require={
        "dev": [
            "pytest>=9.0",
            "pytest-twisted>=1.14.3",
            "pytest-xdist>=3.8",
            "pytest-cov>=7.0",
            "pytest-benchmark>=5.3",
            "hypothesis>=6.170",
            "pexpect>=4.9",
            "ruff>=0.17.5",
            "mypy>=2.4",
            "mypy-zope>=1.0.17",
            "types-regex>=2026.11",
            "setuptools>=77",  # test_packaging.py builds without asking the network for it
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3.11",
        "Topic :: Communications :: Chat",
    ],
)
