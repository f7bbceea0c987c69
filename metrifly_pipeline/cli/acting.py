"""For whom a command acts: the option `--account`, which commands that work on an account take, and what is said with it."""

import inspect
import re
import shlex
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from metrifly_pipeline.cli.render import complain
from metrifly_pipeline.domain.trouble import MetriflyError

if TYPE_CHECKING:
    from metrifly_pipeline.settings import Settings

_OPTION = "account"
UNNAMED = "unnamed"
"""Attribute of a family of commands: which of them is meant where none is named."""
_PLACE = "metrifly.account"
"""Where an invocation keeps what was typed."""
_NAMED = re.compile(r"`(metrifly [^`]+)`")
_Account = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Act for this account instead of METRIFLY_ACCOUNT's.")
]


def of_account(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that works on one account the option `--account`, which `opened` then goes by."""

    @wraps(command)
    def acting(**values: Any) -> None:
        context = values["context"]
        context.meta[_PLACE] = values.pop(_OPTION)
        try:
            command(**values)
        except MetriflyError as trouble:
            if _typed(context) is None:
                raise
            complain(said(context, str(trouble)))
            raise typer.Exit(1) from None

    # Typer reads signature and annotations: both show the option behind the command's own.
    signature = inspect.signature(command)
    option = inspect.Parameter(_OPTION, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Account)
    shown = signature.replace(parameters=[*signature.parameters.values(), option])
    acting.__signature__ = shown  # type: ignore[attr-defined]  # functions take it; the stubs don't know
    acting.__annotations__ = {**command.__annotations__, _OPTION: _Account}
    return acting


def settings_for(context: typer.Context, settings: "Settings") -> "Settings":
    """The settings with the account that was typed, if one was."""
    typed = _typed(context)
    return settings if typed is None else settings.model_copy(update={"account": typed})


def next_command(context: typer.Context, command: str) -> str:
    """A command to go on with, for the same account as this one."""
    typed = _typed(context)
    return command if typed is None else f"{command} --account {shlex.quote(typed)}"


def said(context: typer.Context, text: str) -> str:
    """A text in which the commands named go on for the same account as this one."""
    if _typed(context) is None:
        return text
    root = context.find_root().command

    def continued(named: re.Match[str]) -> str:
        takes = _takes_account(root, named[1].split()[1:])
        return f"`{next_command(context, named[1])}`" if takes else named[0]

    return _NAMED.sub(continued, text)


def _takes_account(command: Any, words: Sequence[str]) -> bool:
    """Whether the command that `words` begin with, below a family of commands, has the option."""
    family = getattr(command, "commands", None)
    if family is None:
        return any(each.name == _OPTION for each in command.params)
    below = family.get(words[0], family.get(getattr(command, UNNAMED, ""))) if words else None
    return below is not None and _takes_account(below, words[1:])


def _typed(context: typer.Context) -> str | None:
    return cast("str | None", context.meta.get(_PLACE))
