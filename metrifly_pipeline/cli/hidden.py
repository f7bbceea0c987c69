"""Asking on the terminal: for a key without showing it, and for a yes.

One silent span for all fields: getpass shows what is pasted too early, or drops it.
"""

import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from metrifly_pipeline.domain.spec import CredentialField
from metrifly_pipeline.domain.trouble import RefusedError

TERMINAL = Path("/dev/tty")


def ask_hidden(fields: Sequence[CredentialField]) -> Mapping[str, str]:
    """Read each field from the terminal: one line, or lines up to an empty one.

    Returns:
        What was typed, by name of field.

    Raises:
        RefusedError: There is no terminal to ask on.
    """
    try:
        with TERMINAL.open("r", encoding="utf-8") as reading, TERMINAL.open("w", encoding="utf-8") as writing:
            return _ask(fields, reading, writing)
    except OSError:
        message = (
            "There is no terminal to ask for the key on. Give it with --credentials-file FILE, or - for standard input."
        )
        raise RefusedError(message) from None


def ask_yes(question: str) -> bool:
    """Put a question to whoever sits at the terminal; only "yes" or "y" means yes.

    Raises:
        RefusedError: There is no terminal to ask on.
    """
    try:
        with TERMINAL.open("r", encoding="utf-8") as reading, TERMINAL.open("w", encoding="utf-8") as writing:
            writing.write(f"{question} [yes/no]: ")
            writing.flush()
            return reading.readline().strip().lower() in {"y", "yes"}
    except OSError:
        raise RefusedError(f"{question} There is no terminal to answer on: say --yes if so.") from None


def _ask(fields: Sequence[CredentialField], reading: TextIO, writing: TextIO) -> Mapping[str, str]:
    number = reading.fileno()
    before = termios.tcgetattr(number)
    silent = list(before)
    silent[3] = before[3] & ~termios.ECHO
    try:
        # Silence first, then the prompt; and waiting input is kept (TCSADRAIN), else a pasted block would lose its end.
        termios.tcsetattr(number, termios.TCSADRAIN, silent)
        return {field.name: _read(field, reading, writing) for field in fields}
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _read(field: CredentialField, reading: TextIO, writing: TextIO) -> str:
    writing.write(f"{field.label}{' (end with an empty line)' if field.multiline else ''}: ")
    writing.flush()
    lines = iter(lambda: reading.readline().strip(), "")
    text = "\n".join(lines) if field.multiline else next(lines, "")
    writing.write("\n")
    writing.flush()
    return text
