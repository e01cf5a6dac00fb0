"""The keys of the screen: what each of them asks for. What typing itself needs, prompt_toolkit has."""

from __future__ import annotations

from typing import Protocol

from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from .clusters import after_cursor, before_cursor

WINDOWS = 9
"""Windows that have a key of their own: Alt-1 to Alt-9."""

HELP = """\
Enter: say it                     Alt-Enter: a new line
Tab: complete                     Up, Down, Ctrl-R: what was typed
Alt-1 to Alt-9: a window          Alt-Left, Alt-Right: beside it
Alt-A: where something is new     PageUp, PageDown: look back
Alt-End: back to the newest       Ctrl-L: draw anew
Ctrl-Z: suspend                   Ctrl-C: clear the line
Ctrl-D, or Ctrl-C twice, on an empty line: leave"""


class Actions(Protocol):
    """What keys can ask for."""

    asking: bool
    """A question is being answered."""

    def enter(self) -> None: ...
    def new_line(self) -> None: ...
    def complete(self, back: bool) -> None: ...
    def paste(self, text: str) -> None: ...
    def interrupt(self, again: bool) -> None: ...
    def end_of_input(self) -> None: ...
    def redraw_all(self) -> None: ...
    def suspend(self) -> None: ...
    def turn(self, pages: int) -> None:
        """So many up; down, if it is less than none."""


class Looking(Protocol):
    """What keys can choose to look at."""

    def to_the_end(self) -> None: ...
    def window(self, number: int) -> None: ...
    def beside(self, step: int) -> None: ...
    def to_unread(self) -> None: ...


IN_VAIN = (("c-o",), ("escape", "#"), ("c-x", "("), ("c-x", ")"), ("c-x", "e"))
"""Keys of prompt_toolkit that do nothing here: they throw the line away unsaid, or keep keys, which may be a password's, to
type them again."""

IN_VAIN_ASKED = ("up", "down", "c-p", "c-n", "c-y", "c-r", "c-s")
"""The same while a question is asked: an answer is neither found again nor made of what was typed before."""


def keys(actions: Actions, looking: Looking) -> KeyBindings:
    bindings = KeyBindings()
    here = ~is_searching  # Ctrl-R has keys of its own
    asking = Condition(lambda: actions.asking)
    talking = here & ~asking

    def nothing(event: KeyPressEvent) -> None: ...

    for several in IN_VAIN:
        bindings.add(*several)(nothing)
    for one in IN_VAIN_ASKED:
        bindings.add(one, filter=asking)(nothing)

    @bindings.add("enter", filter=here)
    def _enter(event: KeyPressEvent) -> None:
        actions.enter()

    @bindings.add("escape", "enter", filter=talking)
    def _new_line(event: KeyPressEvent) -> None:
        actions.new_line()

    @bindings.add("tab", filter=talking)
    def _complete(event: KeyPressEvent) -> None:
        actions.complete(False)

    @bindings.add("s-tab", filter=talking)
    def _complete_back(event: KeyPressEvent) -> None:
        actions.complete(True)

    @bindings.add("left", filter=here)
    @bindings.add("c-b", filter=here)
    def _left(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line_before_cursor:
            buffer.cursor_position -= before_cursor(buffer)

    @bindings.add("right", filter=here)
    @bindings.add("c-f", filter=here)
    def _right(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line_after_cursor:
            buffer.cursor_position += after_cursor(buffer)

    @bindings.add("backspace", filter=here)
    def _take_back(event: KeyPressEvent) -> None:
        event.current_buffer.delete_before_cursor(before_cursor(event.current_buffer))

    @bindings.add("delete", filter=here)
    def _take_on(event: KeyPressEvent) -> None:
        event.current_buffer.delete(after_cursor(event.current_buffer))

    @bindings.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        actions.paste(event.data)

    @bindings.add("c-c", filter=here)
    def _interrupt(event: KeyPressEvent) -> None:
        actions.interrupt(event.is_repeat)

    @bindings.add("c-d", filter=here)
    def _end_of_input(event: KeyPressEvent) -> None:
        actions.end_of_input()

    @bindings.add("c-l")
    def _redraw_all(event: KeyPressEvent) -> None:
        actions.redraw_all()

    @bindings.add("c-z", filter=here)
    def _suspend(event: KeyPressEvent) -> None:
        actions.suspend()

    @bindings.add("pageup")
    def _back(event: KeyPressEvent) -> None:
        actions.turn(1)

    @bindings.add("pagedown")
    def _on(event: KeyPressEvent) -> None:
        actions.turn(-1)

    @bindings.add("escape", "end")
    def _to_the_end(event: KeyPressEvent) -> None:
        looking.to_the_end()

    for number in range(1, WINDOWS + 1):

        @bindings.add("escape", str(number))
        def _window(event: KeyPressEvent, number: int = number) -> None:
            looking.window(number)

    for arrow, step in (("left", -1), ("up", -1), ("right", 1), ("down", 1)):

        @bindings.add("escape", arrow)
        def _beside(event: KeyPressEvent, step: int = step) -> None:
            looking.beside(step)

    @bindings.add("escape", "a")
    def _to_unread(event: KeyPressEvent) -> None:
        looking.to_unread()

    return bindings
