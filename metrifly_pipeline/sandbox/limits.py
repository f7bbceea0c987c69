"""Rate limits as exchanges keep them; every limit takes the sandbox's one scale factor.

Times are unix seconds of the exchange's clock and given by the caller, so a simulated clock works.
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class DecayingCounter:
    """A counter that each call raises and time lowers (Kraken)."""

    maximum: float
    decay_per_second: float
    level: float = 0.0
    updated_at: float | None = None

    def take(self, cost: float, now: float) -> bool:
        """Count a call; False when calls before it have taken the counter over its maximum (then it isn't counted)."""
        if self.updated_at is not None:
            self.level = max(0.0, self.level - self.decay_per_second * max(0.0, now - self.updated_at))
        self.updated_at = now
        if self.level > self.maximum:
            return False
        self.level += cost
        return True


@dataclass(slots=True)
class FixedWindow:
    """So much weight in each aligned window, for example a clock minute (Binance); `used` is for its headers."""

    maximum: float
    seconds: float
    window: int = -1
    used: float = 0.0

    def take(self, weight: float, now: float) -> bool:
        """Count a call; False when the window's weight is used up. A refused call counts too, as on Binance."""
        window = int(now // self.seconds)
        if window != self.window:
            self.window, self.used = window, 0.0
        self.used += weight
        return self.used <= self.maximum

    def retry_after(self, now: float) -> float:
        """Seconds until the next window."""
        return self.seconds - now % self.seconds


@dataclass(slots=True)
class SlidingWindow:
    """So many calls in any span of that length (OKX)."""

    maximum: float
    seconds: float
    moments: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> bool:
        """Count a call; False when the last span is full (a refused call isn't counted)."""
        while self.moments and self.moments[0] <= now - self.seconds:
            self.moments.popleft()
        if len(self.moments) >= self.maximum:
            return False
        self.moments.append(now)
        return True
