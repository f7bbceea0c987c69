"""A credential in the clear, for as short a time as possible: it prints, pickles and compares as nothing."""

import re
from typing import NoReturn

_UNSEEN = "\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
"""What takes no room on a page, and is copied from there all the same."""
_BLANKS = re.compile(rf"[\s{_UNSEEN}]+")
_AROUND = re.compile(rf"\A[\s{_UNSEEN}]+|[\s{_UNSEEN}]+\Z")


class Credential:
    """Key, secret and passphrase in the clear. Its text is always `<credential>`; pickling it raises."""

    __slots__ = ("_api_key", "_passphrase", "_secret")

    def __init__(self, api_key: str, secret: str, passphrase: str = "") -> None:
        """Take the pasted fields without blanks, line ends and characters that aren't seen.

        Those inside a PEM block belong to it, and those inside a passphrase were chosen by a person.
        """
        self._api_key = _BLANKS.sub("", api_key)
        self._secret = (_AROUND if "-----BEGIN" in secret else _BLANKS).sub("", secret)
        self._passphrase = _AROUND.sub("", passphrase)

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
