"""For whom a command acts: the option `--account`, which commands that work on an account take, and what is said with it."""

import inspect
import shlex
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from metrifly_pipeline.settings import Settings

_OPTION = "account"
_PLACE = "metrifly.account"
"""Where an invocation keeps what was typed."""
_Account = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Act for this account instead of METRIFLY_ACCOUNT's.")
]


def of_account(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that works on one account the option `--account`, which `opened` then goes by."""

    @wraps(command)
    def acting(**values: Any) -> None:
        values["context"].meta[_PLACE] = values.pop(_OPTION)
        command(**values)

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


def _typed(context: typer.Context) -> str | None:
    return cast("str | None", context.meta.get(_PLACE))
