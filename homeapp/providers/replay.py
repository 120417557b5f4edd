"""Each message acts once: the marks that are set when one is begun and when it is done with."""

import logging

from homeapp.errors import MessageRejected
from homeapp.ports import ProviderInbox
from homeapp.providers.jose import VerifiedMessage

logger = logging.getLogger(__name__)


class ReplayGuard:
    """Knows the messages of one provider; what it marks is durable and outlives the hub.

    The system operator delivers at least once, so a message that comes again is without effect and nobody's fault.
    Something else under a number that was used before is.
    """

    def __init__(self, sp_id: str) -> None:
        self._sp_id = sp_id
        self._unfinished: set[str] = set()

    async def is_new(self, message: VerifiedMessage, inbox: ProviderInbox) -> bool:
        """Whether ``message`` is to be acted upon, which then counts as begun.

        Two marks, because ``seen`` marks while it asks: only what was begun and ended before is a duplicate. A message
        that was begun before a sudden death is thus acted upon once more, but not for ever.

        Raises:
            MessageRejected: ``replay``: another message had its number.
        """
        if message.jti in self._unfinished:
            self._unfinished.discard(message.jti)
            return True
        # A message id has no blank, so these marks cannot be the id of another message.
        if not await self._seen(f"begun {message.jti}", message, inbox):
            return True
        done = await self._seen(message.jti, message, inbox)
        if not await self._seen(self._content(message), message, inbox) and done:
            raise MessageRejected(
                "replay", "A message was refused because its number was used before. Nothing was done with it."
            )
        if done:
            logger.info("%s: %s came again; without effect", self._sp_id, message.jti)
        return not done

    async def done(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        """Never act upon it again."""
        await self._seen(self._content(message), message, inbox)
        await self._seen(message.jti, message, inbox)

    def failed(self, message: VerifiedMessage) -> None:
        """It could not be kept: to be acted upon when it comes again."""
        self._unfinished.add(message.jti)

    def _content(self, message: VerifiedMessage) -> str:
        return f"{message.jti} {message.digest}"

    async def _seen(self, mark: str, message: VerifiedMessage, inbox: ProviderInbox) -> bool:
        return await inbox.seen(self._sp_id, mark, message.expires_at)
