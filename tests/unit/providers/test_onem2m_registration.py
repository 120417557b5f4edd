"""What the hub sets up at a CSE, step by step, against one that keeps resources by their address."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from homeapp.errors import ProviderUnreachable, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.providers.onem2m.codec import Operation, Response
from homeapp.providers.onem2m.registration import Registration
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.settings import SystemOperatorSettings

SETTINGS = SystemOperatorSettings(broker_host="b", ae_id="Chub-0001-evc")
BASE = "cse-in/hub-0001-evc"
MAILBOX = Mailbox(sp_id="evc_sp", ae_id="Cevc-sp", label="Evc", data=(DataClass.CHARGING, DataClass.METERING))
OWN = {"inEvc", "outEvc", "acp-in-evc_sp", "acp-out-evc_sp", "inEvc/hub"}


class FakeCse:
    """Keeps what it is asked to create; answers what it is told to."""

    def __init__(self) -> None:
        self.resources: set[str] = {"cse-in"}
        self.refused: dict[tuple[Operation, str], int] = {}
        self.before: Callable[[Operation, str], None] = lambda _operation, _to: None
        self.asked: list[tuple[Operation, str]] = []
        self.lists_children = True

    @property
    def names(self) -> set[str]:
        """What is below the hub's AE."""
        return {item.removeprefix(f"{BASE}/") for item in self.resources if item.startswith(f"{BASE}/")}

    async def request(
        self, operation: Operation, to: str, *, content: Any = None, result_content: int | None = None, **_: Any
    ) -> Response:
        self.before(operation, to)
        self.asked.append((operation, to))
        # Others may be asked in between.
        await asyncio.sleep(0)
        if (refused := self.refused.get((operation, to))) is not None:
            return answer(refused)
        if operation is Operation.CREATE:
            return self._create("cse-in" if to == "id-in" else to, next(iter(content.values()))["rn"])
        if to not in self.resources:
            return answer(4004)
        if operation is Operation.DELETE:
            self.resources = {item for item in self.resources if item != to and not item.startswith(f"{to}/")}
            return answer(2002)
        if result_content == 6:
            children = [{"val": f"/id-in/{item}"} for item in self.resources if item.startswith(f"{to}/")]
            return answer(2000, {"m2m:rrl": {"rrf": children}}) if self.lists_children else answer(4000)
        return answer(2000 if operation is Operation.RETRIEVE else 2004, {"x": {"ri": f"id of {to}"}})

    def _create(self, parent: str, name: str) -> Response:
        address = f"{parent}/{name}"
        if address in self.resources:
            return answer(4105)
        if parent not in self.resources:
            return answer(4004)
        self.resources.add(address)
        return answer(2001)


def answer(status: int, content: Any = None) -> Response:
    return Response(rsc=status, rqi="1", pc=msgspec.Raw(msgspec.json.encode(content)))


async def nothing() -> None:
    return


def registration(
    cse: FakeCse,
    mailbox: Mailbox = MAILBOX,
    *,
    notified: bool = True,
    begins_anew: Callable[[], Awaitable[None]] = nothing,
) -> Registration:
    return Registration(SETTINGS, cse, (mailbox,), notified=notified, begins_anew=begins_anew)  # type: ignore[arg-type]


@pytest.mark.usecase("A6", "W6")
def test_what_a_cse_has_forgotten_is_dealt_with_before_the_hub_is_there_again() -> None:
    async def main() -> None:
        cse = FakeCse()
        anew: list[bool] = []
        full = True

        async def begins_anew() -> None:
            anew.append(BASE in cse.resources)
            if full:
                raise StoreUnavailable("The disk is full.")

        tree = registration(cse, begins_anew=begins_anew)
        with pytest.raises(StoreUnavailable):
            await tree.set_up()
        full = False
        cse.refused = {(Operation.CREATE, BASE): 5000}
        with pytest.raises(ExceptionGroup):
            await tree.set_up()
        cse.refused.clear()
        await tree.set_up()
        # Not there when it was told, and told no more when it was.
        assert anew == [False, False]
        await registration(cse, begins_anew=begins_anew).set_up()
        assert anew == [False, False]
        cse.resources = {"cse-in"}
        tree.lost()
        await tree.set_up()
        assert anew == [False, False, False]

    asyncio.run(main())


@pytest.mark.usecase("W8")
def test_what_is_agreed_to_is_there_and_nothing_else() -> None:
    async def main() -> None:
        cse = FakeCse()
        tree = registration(cse)
        assert not tree.stands
        await tree.set_up()
        assert tree.stands
        agreed = {"charging", "metering", "acp-charging-evc_sp", "acp-metering-evc_sp"}
        assert cse.names == OWN | agreed
        assert tree.owner_of(f"id of {BASE}/inEvc") == "evc_sp"
        tree.change(replace(MAILBOX, data=(), open_status=True))
        assert not tree.stands
        await tree.set_up()
        assert cse.names == OWN | {"evce", "meter", "acp-status-evc_sp"}

    asyncio.run(main())


def test_what_stands_is_only_looked_at() -> None:
    async def main() -> None:
        cse = FakeCse()
        tree = registration(cse)
        await tree.set_up()
        cse.asked.clear()
        await tree.set_up()
        assert cse.asked == [(Operation.RETRIEVE, "cse-in"), (Operation.RETRIEVE, f"{BASE}/inEvc/hub")]
        cse.resources.discard(f"{BASE}/charging")
        await tree.set_up()
        assert "charging" not in cse.names
        tree.lost()
        await tree.set_up()
        assert "charging" in cse.names

    asyncio.run(main())


@pytest.mark.usecase("W8")
def test_a_withdrawal_that_comes_during_the_set_up_is_not_lost() -> None:
    async def main() -> None:
        cse = FakeCse()
        tree = registration(cse)

        def withdraw(operation: Operation, to: str) -> None:
            if (operation, to) == (Operation.RETRIEVE, f"{BASE}/inEvc"):
                cse.before = lambda _operation, _to: None
                tree.change(replace(MAILBOX, data=()))

        cse.before = withdraw
        await tree.set_up()
        assert not tree.stands
        await tree.set_up()
        assert (tree.stands, cse.names) == (True, OWN)

    asyncio.run(main())


@pytest.mark.usecase("W8")
@pytest.mark.parametrize("lists_children", [True, False])
def test_what_is_withdrawn_is_deleted_even_if_the_cse_does_not_list_it(*, lists_children: bool) -> None:
    async def main() -> None:
        cse = FakeCse()
        await registration(cse).set_up()
        cse.lists_children = lists_children
        cse.asked.clear()
        await registration(cse, replace(MAILBOX, data=())).set_up()
        assert cse.names == OWN
        deleted = [to.removeprefix(f"{BASE}/") for operation, to in cse.asked if operation is Operation.DELETE]
        assert len(deleted) == (4 if lists_children else 11)
        # What is read goes before what says who may read it.
        assert deleted.index("charging") < deleted.index("acp-charging-evc_sp")

    asyncio.run(main())


@pytest.mark.usecase("W8")
def test_what_cannot_be_deleted_is_tried_again() -> None:
    async def main() -> None:
        cse = FakeCse()
        await registration(cse).set_up()
        tree = registration(cse, replace(MAILBOX, data=()))
        cse.refused[Operation.DELETE, f"{BASE}/charging"] = 5000
        with pytest.raises(ProviderUnreachable):
            await tree.set_up()
        assert not tree.stands
        cse.refused.clear()
        await tree.set_up()
        assert cse.names == OWN

    asyncio.run(main())


@pytest.mark.usecase("W8")
def test_what_is_erased_comes_back_when_used_or_agreed_to_anew() -> None:
    async def main() -> None:
        cse = FakeCse()
        tree = registration(cse)
        await tree.set_up()
        await tree.erase("evc_sp", (DataClass.CHARGING, DataClass.HEALTH))
        tree.lost()
        await tree.set_up()
        assert "charging" not in cse.names
        await tree.renew("evc_sp", DataClass.METERING)
        assert "charging" not in cse.names
        await tree.renew("evc_sp", DataClass.CHARGING)
        assert {"charging", "acp-charging-evc_sp"} <= cse.names
        await tree.erase("evc_sp", (DataClass.CHARGING,))
        tree.change(replace(MAILBOX, data=()))
        tree.change(MAILBOX)
        await tree.set_up()
        assert "charging" in cse.names
        await tree.leave()
        await tree.leave()
        assert (cse.names, tree.stands) == (set(), False)

    asyncio.run(main())


def test_where_nothing_is_notified_the_inbox_itself_is_looked_at() -> None:
    async def main() -> None:
        cse = FakeCse()
        tree = registration(cse, notified=False)
        await tree.set_up()
        assert "inEvc/hub" not in cse.names
        cse.asked.clear()
        await tree.set_up()
        assert cse.asked[-1] == (Operation.RETRIEVE, f"{BASE}/inEvc")

    asyncio.run(main())
