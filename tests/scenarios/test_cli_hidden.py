"""Asking for a key on a real (pseudo) terminal: nothing that is typed or pasted is ever shown."""

import os
import pty
import select
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from metrifly_pipeline.cli.hidden import ask_hidden
from metrifly_pipeline.domain.spec import CredentialField
from metrifly_pipeline.domain.trouble import RefusedError
if os.isatty(0):
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # now it is this session's terminal
fields = [CredentialField(name="api_key", label="API key")]
fields += [CredentialField(name="secret", label="Private key", multiline=True)]
try:
    found = ask_hidden(fields)
except RefusedError as refused:
    sys.exit(str(refused))
print("READ", len(found["api_key"]), found["secret"].count("\\n"), found["secret"].endswith("-----"))
"""
QUESTION = """
import os, sys
from metrifly_pipeline.cli.hidden import ask_yes
from metrifly_pipeline.domain.trouble import RefusedError
if os.isatty(0):
    os.close(os.open(os.ttyname(0), os.O_RDWR))
try:
    print("ANSWER", ask_yes("Is it the same?"))
except RefusedError as refused:
    sys.exit(str(refused))
"""
KEY = "PLANTED-key-77aa"
SECRET = "-----BEGIN X-----\nPLANTEDaaaa\nPLANTEDbbbb\n-----END X-----"


def on_a_terminal(typed, program=PROGRAM):
    """Run a program with a terminal of its own; returns all that appeared on it."""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""
    prompts = list(typed)
    while child.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.05)[0]:
            try:
                shown += os.read(master, 4096)
            except OSError:
                break
        if prompts and prompts[0][0] in shown:
            os.write(master, prompts.pop(0)[1])
    child.wait()
    os.close(master)
    return shown.decode()


def test_a_key_and_a_secret_of_several_lines_are_read_whole_and_not_shown():
    shown = on_a_terminal(
        [(b"API key: ", f"{KEY}\n".encode()), (b"Private key (end with an empty line): ", f"{SECRET}\n\n".encode())]
    )

    assert f"READ {len(KEY)} 3 True" in shown
    assert "PLANTED" not in shown


def test_all_fields_pasted_at_once_are_read_and_not_shown():
    shown = on_a_terminal([(b"API key: ", f"{KEY}\n{SECRET}\n\n".encode())])

    assert f"READ {len(KEY)} 3 True" in shown
    assert "PLANTED" not in shown


@pytest.mark.parametrize(
    ("typed", "answer"), [("yes", True), (" Y ", True), ("no", False), ("", False), ("yesterday", False)]
)
def test_only_a_yes_is_a_yes(typed, answer):
    assert f"ANSWER {answer}" in on_a_terminal([(b"[yes/no]: ", f"{typed}\n".encode())], QUESTION)


@pytest.mark.parametrize(("program", "remedy"), [(PROGRAM, "--credentials-file"), (QUESTION, "say --yes")])
def test_without_a_terminal_it_says_what_to_do(program, remedy):
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )

    assert done.returncode == 1
    assert remedy in done.stderr
