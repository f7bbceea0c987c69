"""A credential in the clear, for as short a time as possible: it prints, pickles and compares as nothing."""

from typing import NoReturn


class Credential:
    """Key, secret and passphrase in the clear. Its text is always `<credential>`; pickling it raises."""

    __slots__ = ("_api_key", "_passphrase", "_secret")

    def __init__(self, api_key: str, secret: str, passphrase: str = "") -> None:
        """Take the pasted fields; blanks and line ends around them go (a multi-line secret keeps those inside)."""
        self._api_key = api_key.strip()
        self._secret = secret.strip()
        self._passphrase = passphrase.strip()

    @property
    def api_key(self) -> str:
        """The key; decrypt late, never log."""
        return self._api_key

    @property
    def secret(self) -> str:
        """The secret; decrypt late, never log."""
        return self._secret

    @property
    def passphrase(self) -> str:
        """The passphrase; empty where the exchange has none."""
        return self._passphrase

    def __repr__(self) -> str:
        """Tell nothing."""
        return "<credential>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        message = "a credential is never pickled"
        raise TypeError(message)
