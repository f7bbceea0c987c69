"""Getting a key from a person: hidden prompts or a file, never an argument. What was typed is never repeated."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from metrifly_pipeline.cli.render import complain
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.spec import CredentialField, ExchangeSpec
from metrifly_pipeline.domain.trouble import RefusedError

STANDARD_INPUT = "-"
Ask = Callable[[Sequence[CredentialField]], Mapping[str, str]]
"""Asks for fields without showing them; values by name."""


def get_credential(spec: ExchangeSpec, source: str | None, ask: Ask) -> Credential:
    """The credential, from `source` (a file or `-`) or else by asking.

    Raises:
        RefusedError: A field is missing, or the file can't be read; the text shows nothing of it.
    """
    values = _asked(spec, ask) if source is None else _from_file(source)
    missing = [field.label for field in spec.credentials if not values.get(field.name, "").strip()]
    if missing:
        where = "" if source is None else " The file must be JSON with api_key, secret and, where needed, passphrase."
        raise RefusedError(f"Nothing was given for: {', '.join(missing)}.{where}")
    wanted = {field.name for field in spec.credentials}
    surplus = sorted(name for name, value in values.items() if value.strip() and name not in wanted)
    if surplus:
        raise RefusedError(f"{spec.title} has no {', '.join(surplus)}: check that the key is one of {spec.title}.")
    return Credential(values["api_key"], values.get("secret", ""), values.get("passphrase", ""))


def _asked(spec: ExchangeSpec, ask: Ask) -> Mapping[str, str]:
    # On standard error: what a command prints stays JSON where JSON is wanted.
    if spec.guide.secret_shown_once:
        complain(
            f"{spec.title} shows the secret only once, when the key is created: keep that page open until this is done."
        )
    complain("What you type or paste is not shown.")
    return ask(spec.credentials)


def _from_file(source: str) -> Mapping[str, str]:
    name = "standard input" if source == STANDARD_INPUT else source
    try:
        text = sys.stdin.read() if source == STANDARD_INPUT else Path(source).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise RefusedError(f"{name} can't be read ({error.strerror}).") from None
    except ValueError:
        # The parser's own message may quote the text.
        raise RefusedError(f"{name} is not JSON. It must hold api_key, secret and, where needed, passphrase.") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise RefusedError(f"{name} must be a JSON object of texts: api_key, secret and, where needed, passphrase.")
    unknown = sorted(set(found) - {"api_key", "secret", "passphrase"})
    if unknown:
        raise RefusedError(f"{name} has other fields than api_key, secret and passphrase.")
    return found
