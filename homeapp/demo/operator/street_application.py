"""What all applications of the providers' side have in common: their place at the system operator, and their keys."""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from homeapp.demo.operator.onem2m_application import (
    STANDS,
    Access,
    ContentInstance,
    Onem2mApplication,
    ResourceType,
    Status,
)
from homeapp.demo.operator.sealed_message import EncryptionKey
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.demo.watched import Watched
from homeapp.errors import ProviderError, ProviderRefused, ProviderUnreachable
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

# Seconds of the machine, not of the street: they pace the network.
_PAUSE_S = 1.0
_REVIEW_S = 5.0


class Direction(StrEnum):
    """What happened to a message."""

    SENT = "sent"
    RECEIVED = "received"
    REPEATED = "repeated"
    """received again; without effect"""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireEvent:
    """Something that was seen on the wire.

    Attributes:
        at: street time.
        typ: type of the message, for example ``decision+jws``.
        message_id: its ``jti`` where known, else the name of the resource.
        note: a few words for people.
    """

    at: datetime
    direction: Direction
    typ: str
    message_id: str
    note: str = ""


class StreetApplication(Watched, ABC):
    """One company's application at the system operator; it repairs its registration and subscriptions by itself.

    Attributes:
        name: for people.
        ae_id: its AE-ID, equal to the common name of its certificate.
        registered: whether the system operator knows it.
        watched: containers that it is subscribed to.
        history: the last 500 things seen on the wire, oldest first.
    """

    name: str
    ae_id: str

    def __init__(self, access: Access, clock: Clock) -> None:
        super().__init__()
        self.registered = False
        self.watched: set[str] = set()
        self.history: deque[WireEvent] = deque(maxlen=500)
        self._clock = clock
        self._key = SigningKey()
        self._encryption_keys = [EncryptionKey()]
        self._application = Onem2mApplication(self.ae_id, access, self._look_again)
        self._look = asyncio.Event()
        self._seen: set[str] = set()

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key of what it signs, EC P-256."""
        return self._key.public_jwk

    @property
    def encryption_jwk(self) -> dict[str, str]:
        """The public key that others encrypt to, EC P-256."""
        return self._encryption_keys[0].public_jwk

    @property
    def keys(self) -> list[dict[str, str]]:
        """Both, each with its ``use``."""
        return [{**self.public_jwk, "use": "sig"}, {**self.encryption_jwk, "use": "enc"}]

    async def run(self) -> None:
        """Stay at work until cancelled.

        Raises:
            ProviderUnreachable: the broker did not let it in at the start; later losses are repaired.
        """
        async with self._application, asyncio.TaskGroup() as group:
            for duty in self._duties():
                group.create_task(duty)

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        return [self._keep_set_up(), self._take_in()]

    async def _set_up(self) -> bool:
        """Bring everything at the system operator into place; False where something is not there yet."""
        await self._application.register()
        self.registered = True
        self._happened()
        return True

    @abstractmethod
    def _arrived(self, instance: ContentInstance) -> None:
        """Act on a message that has not been seen before."""

    async def _watch(self, container: str) -> bool:
        """Take in what is and what will be in ``container``; False where it is not there or not to be read."""
        if (await self._application.subscribe(container)).status not in STANDS:
            self.watched.discard(container)
            return False
        self.watched.add(container)
        await self._catch_up(container)
        return True

    async def _catch_up(self, container: str) -> None:
        """Take in what came while there was no link."""
        for instance in await self._application.contents(container):
            self._take(instance)

    async def _put(self, container: str, name: str, compact: str) -> None:
        """Place a message; keeps trying while there is no link or no container. Idempotent by ``name``.

        Raises:
            ProviderRefused: the system operator does not allow it.
        """
        instance: dict[str, object] = {"rn": name, "cnf": "application/jose:0", "con": compact}
        while True:
            with contextlib.suppress(ProviderUnreachable):
                create = self._application.create
                response = await create(container, ResourceType.CONTENT_INSTANCE, {"m2m:cin": instance})
                if response.status in STANDS:
                    return
                if response.status != Status.NOT_FOUND:
                    raise ProviderRefused(f"{self.name}: {container} takes no message ({response.status}).")
            await asyncio.sleep(_PAUSE_S)

    def _note(self, direction: Direction, typ: str, message_id: str, note: str = "") -> None:
        event = WireEvent(at=self._clock.now(), direction=direction, typ=typ, message_id=message_id, note=note)
        self.history.append(event)
        logger.info("%s: %s %s %s", self.ae_id, direction, typ, message_id)
        self._happened()

    def _look_again(self) -> None:
        self._look.set()

    async def _keep_set_up(self) -> None:
        trouble = ""
        while True:
            self._look.clear()
            complete = False
            try:
                complete = await self._set_up()
                trouble = ""
            except ProviderError as error:
                if str(error) != trouble:
                    logger.info("%s: %s", self.ae_id, error)
                trouble = str(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REVIEW_S if complete else _PAUSE_S):
                    await self._look.wait()

    async def _take_in(self) -> None:
        while True:
            self._take(await self._application.notifications.get())

    def _take(self, instance: ContentInstance) -> None:
        if instance.resource_id not in self._seen:
            self._seen.add(instance.resource_id)
            self._arrived(instance)
