"""Commands as they are pasted, on a home that is open already."""

import json
import re
import shlex
from contextlib import contextmanager
from dataclasses import replace

from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.trouble import RefusedError
from tests.scenarios.homes import Home


class Commands:
    """Runs a command line; `capsys` gives what it printed."""

    def __init__(self, home: Home, capsys) -> None:
        self.home = home
        self.asked: list[str] = []
        self.answer: bool | None = False
        """To what is asked; None where there is no terminal to ask on."""
        self._capsys = capsys

    def __call__(self, line: str, status: int = 0) -> str:
        """Run a command that must end with `status`; everything it printed."""
        out, err = self._run(line, status)
        return out + err

    def json(self, line: str):
        """What a command says to programs."""
        return json.loads(self._run(f"{line} --json", 0)[0])

    def suggested(self) -> list[str]:
        """The commands that `metrifly reconcile` suggests."""
        return re.findall(r"^ *(metrifly record adjustment .*)$", self("metrifly reconcile"), flags=re.MULTILINE)

    def _run(self, line: str, status: int) -> tuple[str, str]:
        doors = Doors(settings=lambda: self.home.product.settings, open_product=self._open, ask_yes=self._ask_yes)
        ended = run(shlex.split(line)[1:], doors)
        out, err = self._capsys.readouterr()
        assert ended == status, out + err
        assert "Traceback" not in out + err
        return out, err

    @contextmanager
    def _open(self, settings):
        yield replace(self.home.product, settings=settings)

    def _ask_yes(self, question: str) -> bool:
        self.asked.append(question)
        if self.answer is None:
            raise RefusedError("There is no terminal")
        return self.answer
