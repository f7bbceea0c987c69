"""Commands as people type or paste them; what all who run them in tests share, and those on a home that is open already."""

import json
import re
import shlex
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.trouble import RefusedError
from tests.scenarios.homes import Home


class CommandLine:
    """Runs commands through doors of its own; `capsys` gives what they printed."""

    def __init__(self, capsys) -> None:
        self.asked: list[str] = []
        self.answer: bool | None = False
        """To what is asked; None where there is no terminal to ask on."""
        self.printed = ""
        self._capsys = capsys

    def doors(self) -> Doors:
        raise NotImplementedError

    def secrets(self) -> Sequence[str]:
        """What no command may print."""
        return ()

    def __call__(self, *words: str, status: int = 0) -> str:
        """Run a command, in words or as one line to paste, that must end with `status`; everything it printed."""
        if len(words) == 1 and words[0].startswith("metrifly "):
            words = tuple(shlex.split(words[0])[1:])
        ended = run(words, self.doors())
        out, err = self._capsys.readouterr()
        assert ended == status, out + err
        assert "Traceback" not in out + err
        assert not [secret for secret in self.secrets() if secret in out + err]
        self.printed = out
        return out + err

    def told(self, *words: str, status: int = 0) -> str:
        """The same as one line: a paragraph is wrapped where it happens to be full."""
        return " ".join(self(*words, status=status).split())

    def json(self, *words: str, status: int = 0) -> Any:
        """What a command says to programs."""
        pasted = len(words) == 1 and words[0].startswith("metrifly ")
        self(*([f"{words[0]} --json"] if pasted else [*words, "--json"]), status=status)
        return json.loads(self.printed)

    def _ask_yes(self, question: str) -> bool:
        self.asked.append(question)
        if self.answer is None:
            raise RefusedError("There is no terminal")
        return self.answer


class Commands(CommandLine):
    """Commands on a home that is open already."""

    def __init__(self, home: Home, capsys) -> None:
        super().__init__(capsys)
        self.home = home

    def doors(self) -> Doors:
        return Doors(settings=lambda: self.home.product.settings, open_product=self._open, ask_yes=self._ask_yes)

    def suggested(self) -> list[str]:
        """The commands that `metrifly reconcile` suggests."""
        return re.findall(r"^ *(metrifly record adjustment .*)$", self("metrifly reconcile"), flags=re.MULTILINE)

    @contextmanager
    def _open(self, settings):
        yield replace(self.home.product, settings=settings)
