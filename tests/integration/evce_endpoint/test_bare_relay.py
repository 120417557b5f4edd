"""The exchange alone between a station and a CSMS: what one says the other hears, errors as well."""

import asyncio
import json

from websockets.asyncio.client import connect

from devices.evce.bare_relay import BareRelay
from devices.evce.schemas import Version
from homeapp.clock import SystemClock
from kit.raw_csms import CsmsError, RawCsms


def test_results_and_errors_pass_both_ways() -> None:
    async def main() -> None:
        csms = RawCsms()
        csms.answers["Heartbeat"] = {"currentTime": "2027-01-15T12:00:00Z"}
        csms.errors["SignCertificate"] = ["SecurityError", "not here", {"why": 1.0}]
        async with csms.open():
            relay = BareRelay(f"ws://127.0.0.1:{csms.port}", SystemClock())
            running = asyncio.create_task(relay.run())
            await asyncio.wait_for(relay.started(), 10)
            url = f"ws://127.0.0.1:{relay.port}/garage-1"
            async with connect(url, subprotocols=[Version.V201.value]) as station:  # type: ignore[list-item]
                await station.send('[2,"a","Heartbeat",{ }]')
                assert json.loads(await station.recv()) == [3, "a", {"currentTime": "2027-01-15T12:00:00Z"}]
                await station.send('[2,"b","SignCertificate",{"csr":"x"}]')
                assert json.loads(await station.recv()) == [4, "b", "SecurityError", "not here", {"why": 1.0}]
                assert csms.heard[0] == ("a", "Heartbeat", "{ }")
                for answer in ('3,"{}",{{"status":"Accepted"}}', '4,"{}","NotSupported","no",{{}}'):
                    call = asyncio.create_task(csms.call("ClearCache", "{}"))
                    message_id = json.loads(await station.recv())[1]
                    await station.send(f"[{answer.format(message_id)}]")
                    if answer.startswith("3"):
                        assert json.loads(await call) == {"status": "Accepted"}
                    else:
                        error = await asyncio.gather(call, return_exceptions=True)
                        assert isinstance(error[0], CsmsError)
                        assert error[0].args == ("NotSupported", "no")
            running.cancel()
            await asyncio.wait([running])
        assert csms.knocks[0][0] == "/garage-1"

    asyncio.run(main())
