"""Expected trouble that must stop work: one exception per way of recovering. Their text is ours: no secret, no URL, no payload."""

from metrifly_pipeline.domain.reasons import MEANING, Reason


class MetriflyError(Exception):
    """Something a person can understand and mend; the CLI prints its text and ends with status 1."""


class ExchangeTroubleError(MetriflyError):
    """An exchange refused, failed or answered what can't be understood; says why as a `Reason`.

    `code` is the exchange's own short code (never a message), `retry_after_seconds` what it asked us to wait, `of_address` whether it
    turned away whoever asks from our address, not this key alone.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        code: str = "",
        detail: str = "",
        retry_after_seconds: float | None = None,
        retry: bool = False,
        of_address: bool = False,
    ) -> None:
        """Keep reason and facts; the text is the reason's title with our detail."""
        super().__init__(f"{MEANING[reason].title}{f' ({detail})' if detail else ''}")
        self.reason = reason
        self.code = code
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.retry = retry
        self.of_address = of_address


class LeaseLostError(MetriflyError):
    """Another worker owns the connection now; what we hold must not be written."""


class MasterKeyError(MetriflyError):
    """The master key is missing, unreadable, badly protected or not the one that sealed the credentials."""


class RefusedError(MetriflyError):
    """A person asked for something that the rules do not allow; the text says why and what to do."""


class NotFoundError(RefusedError):
    """No such connection, portfolio or account; the text names what was looked for."""


class LakeConflictError(MetriflyError):
    """A commit met a newer one, or a watermark that would not rise; reload and try again."""


class StoreUnavailableError(MetriflyError):
    """The control database can't be reached or stayed locked; what was asked may be tried again."""


class OwnFaultError(Exception):
    """Our own code failed while others' work went on; names places in the code, never data."""
