"""Secrets that are kept in memory."""

from homeapp.errors import SecretStoreUnavailable
from homeapp.settings import SecretPlace


class MemorySecrets:
    """A ``SecretStore`` that can be made to fail."""

    def __init__(self, place: SecretPlace = SecretPlace.CREDENTIAL) -> None:
        self.place = place
        self.kept: dict[str, str] = {}
        self.broken = False

    def get(self, name: str) -> str | None:
        self._fail()
        return self.kept.get(name)

    def set(self, name: str, value: str) -> None:
        self._fail()
        self.kept[name] = value

    def delete(self, name: str) -> None:
        self._fail()
        self.kept.pop(name, None)

    def names(self) -> tuple[str, ...]:
        self._fail()
        return tuple(sorted(self.kept))

    def delete_all(self) -> None:
        self._fail()
        self.kept.clear()

    def _fail(self) -> None:
        if self.broken:
            raise SecretStoreUnavailable("The keyring is locked.")
