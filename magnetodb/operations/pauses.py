"""Operations on many items let others have the loop between them."""

import asyncio
from time import monotonic
from typing import Final

HOLD_SECONDS_MAX: Final = 0.002
"""After so long without a pause, one is due."""


class Pauses:
    """Asked between the items of one request: `if pauses.due(): await pauses.rest()`."""

    __slots__ = ("_due_at",)

    def __init__(self) -> None:
        self._due_at = monotonic() + HOLD_SECONDS_MAX

    def due(self) -> bool:
        """It is time to let others have the loop."""
        return monotonic() > self._due_at

    async def rest(self) -> None:
        """Let them."""
        await asyncio.sleep(0)
        self._due_at = monotonic() + HOLD_SECONDS_MAX
