"""What bash and zsh complete on chatroomctl's command line: one script for each, made of the same tables as its help.

Knows which words there are; whether they are right is the parser's matter.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..request import Answer
from ..storage.sqlite_backup import COMPANIONS
from ..table import Ask, Parameter
from .certificate import MAKE_CERT
from .local import STORE, Flag, Local
from .table import TABLE, ours

FILES = "FILE"
"""How a parameter is shown that takes a file."""

_COMPANIONS = ("-lock", "-control", *COMPANIONS)
"""What a server keeps beside its store, by the ends of their names: nobody means these files."""

_EVERYWHERE = ("--storage", "--json", "--help", "--version")


@dataclass(frozen=True, slots=True)
class Completed:
    """One command."""

    name: str
    help: str
    places: Sequence[Sequence[str] | None]
    """What can stand there, word for word: choices, perhaps none that are known; None for a file."""
    flags: Sequence[Flag]


def completion(options: Namespace) -> Answer:
    """Show a script that completes chatroomctl's commands: source it in the shell."""
    (shell,) = options.words
    commands = [_completed(name, ask) for name, ask in ours(TABLE).items()]
    commands += [_completed(local.name, local) for local in LOCALS.values()]
    return Answer(_SCRIPTS[shell](commands), {"shell": shell})


COMPLETION = Local("completion", (Parameter("shell", "bash|zsh"),), completion)

LOCALS = {local.name: local for local in (*STORE, MAKE_CERT, COMPLETION)}
"""All that is done here, in the order in which help shows it."""


def flags(commands: Iterable[Local] = LOCALS.values()) -> dict[Flag, list[str]]:
    """All options, and with which commands they go."""
    found: dict[Flag, list[str]] = {}
    for command in commands:
        for flag in command.flags:
            found.setdefault(flag, []).append(command.name)
    return found


def _completed(name: str, command: Ask | Local) -> Completed:
    places = [_place(parameter.shown) for parameter in command.parameters if parameter.by_order]
    return Completed(name, command.help, places, command.flags if isinstance(command, Local) else ())


def _place(shown: str) -> Sequence[str] | None:
    if shown == FILES:
        return None
    return [choice for choice in shown.split("|") if "|" in shown and re.fullmatch("[a-z]+", choice)]


# bash

_BASH = """\
# bash completion for chatroomctl, made by `chatroomctl completion bash`
_chatroomctl() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= i
    local -i place=0
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do  # bash takes : and = for words too
        case ${{COMP_WORDS[i]}} in
            {taking}) ((i++)); if [[ ${{COMP_WORDS[i]}} == = ]]; then ((i++)); fi ;;
            : | =) ((i++)) ;;
            -*) ;;
            *) if [[ -z $command ]]; then command=${{COMP_WORDS[i]}}; else place+=1; fi ;;
        esac
    done
    if [[ $current == : || $current == = ]]; then before=$current current=; fi
    if [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-1]}}; fi
    if [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    case $before in
        --storage) COMPREPLY=($(compgen -W "sqlite:" -- "$current")); compopt -o nospace 2>/dev/null; return ;;
        {files}) _chatroomctl_files; return ;;
        {numbers}) return ;;
    esac
    if [[ $current == -* ]]; then
        local flags="{everywhere}"
        case $command in
{flags}
        esac
        COMPREPLY=($(compgen -W "$flags" -- "$current"))
    elif [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$current"))
    else
        case $command:$place in
{places}
        esac
    fi
}}
_chatroomctl_files() {{
    local file
    compopt -o filenames 2>/dev/null
    while IFS= read -r file; do
        case $file in
            {companions}) ;;
            *) COMPREPLY+=("$file") ;;
        esac
    done < <(compgen -f -- "$current")
}}
complete -F _chatroomctl chatroomctl"""


def _bash(commands: Sequence[Completed]) -> str:
    cases, places = [], []
    for command in commands:
        if command.flags:
            cases.append(f'            {command.name}) flags+=" {" ".join(flag.name for flag in command.flags)}" ;;')
        for number, place in enumerate(command.places):
            if place is None:
                places.append(f"            {command.name}:{number}) _chatroomctl_files ;;")
            elif place:
                words = f'COMPREPLY=($(compgen -W "{" ".join(place)}" -- "$current"))'
                places.append(f"            {command.name}:{number}) {words} ;;")
    taking = [flag for flag in flags() if flag.shown]
    return _BASH.format(
        companions=" | ".join(f"*{end}" for end in _COMPANIONS),
        taking=" | ".join(["--storage", *(flag.name for flag in taking)]),
        files=" | ".join([":", *(flag.name for flag in taking if flag.shown == FILES)]),
        numbers=" | ".join(["--", *(flag.name for flag in taking if flag.shown != FILES)]),
        everywhere=" ".join(_EVERYWHERE),
        commands=" ".join(command.name for command in commands),
        flags="\n".join(cases),
        places="\n".join(places),
    )


# zsh

_ZSH = """\
#compdef chatroomctl
# zsh completion for chatroomctl, made by `chatroomctl completion zsh`
_chatroomctl() {{
    local state
    local -a line commands=(
{commands}
    )
    _arguments -C -S \\
        '--storage=[that of the server]:storage:_chatroomctl_storage' \\
        '--json[show the answer as one line of JSON]' \\
        '(- *)'{{-h,--help}}'[show the help and exit]' \\
        '(- *)--version[show the version and exit]' \\
{flags}
        '1:command:->command' '*:word:->word'
    case $state in
        command) _describe -t commands command commands ;;
        word)
            case $line[1]:$(($#line - 2)) in
{places}
                *) _message 'no more is known' ;;
            esac ;;
    esac
}}
_chatroomctl_storage() {{
    if compset -P 'sqlite:'; then _chatroomctl_files; else compadd -S '' sqlite: ; fi
}}
_chatroomctl_files() {{
    _files -F '({companions})'
}}
if [[ $funcstack[1] == _chatroomctl ]]; then _chatroomctl "$@"; else compdef _chatroomctl chatroomctl; fi"""


def _zsh(commands: Sequence[Completed]) -> str:
    options, places = [], []
    for flag, names in flags().items():
        takes = "" if not flag.shown else f":{flag.shown}:{'_chatroomctl_files' if flag.shown == FILES else ' '}"
        words = f"{flag.name}{'=' if flag.shown else ''}[{', '.join(names)}: {flag.help}]{takes}"
        options.append(f"        {_quoted(words)} \\")
    for command in commands:
        for number, place in enumerate(command.places):
            if place is None:
                places.append(f"                {command.name}:{number}) _chatroomctl_files ;;")
            elif place:
                places.append(f"                {command.name}:{number}) compadd {' '.join(place)} ;;")
    return _ZSH.format(
        companions=" ".join(f"*{end}" for end in _COMPANIONS),
        commands="\n".join(f"        {_quoted(f'{command.name}:{command.help}')}" for command in commands),
        flags="\n".join(options),
        places="\n".join(places),
    )


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "'\\''") + "'"


_SCRIPTS = {"bash": _bash, "zsh": _zsh}
