"""The scripts about the DNS once more, with a real name server and our own resolver.

What the scripts say of the DNS is in a zone of nsd; a server in front of it fails at what they want
to fail, with SERVFAIL or with silence. The decisions must be the same.
"""

from __future__ import annotations

import time

import pytest

import policy_golden
import policy_script
from peers.dns import NameServer
from peers.failing_dns import FailingDns
from peers.golden_postfix import failing, records, with_servers
from postroad.net.dns import DnsTemporary, Resolver
from postroad.net.settings import DnsSettings
from postroad.policy import LookupUnavailable

pytestmark = pytest.mark.peer

SCRIPTS = [s for s in map(policy_script.read, policy_script.scripts()) if s.world.zone]


class Names:
    """Policy's `Names` over resolvers: only where no answer will come is none waited for long."""

    def __init__(self, address, silent):
        self._silent = silent
        self._patient, self._hasty = (
            Resolver(DnsSettings(servers=(address,), timeout=each), time.monotonic)
            for each in (30.0, 0.3)
        )

    async def records(self, name, kind):
        is_silent = (name.rstrip(".").lower(), kind) in self._silent
        try:
            return await (self._hasty if is_silent else self._patient).records(name, kind)
        except DnsTemporary as error:
            raise LookupUnavailable(str(error)) from error

    async def close(self):
        await self._patient.close()
        await self._hasty.close()


@pytest.fixture(scope="module", params=["SERVFAIL", "silence"])
def server(request):
    lines, lost = records(SCRIPTS), failing(SCRIPTS)
    behind = NameServer(lines, zones=(*with_servers(lines), "."))
    silent = request.param == "silence"
    front = FailingDns(behind.port, () if silent else lost, lost if silent else ())
    yield front.address, frozenset(lost if silent else ())
    front.stop()
    behind.stop()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
async def test_the_same_is_decided(script, server, tmp_path):
    names = Names(*server)
    oracle = script.world.oracle(tmp_path)._replace(names=names)
    async for command, verdict in policy_golden.play(script, tmp_path, oracle):
        said = policy_golden.shown(verdict)[0]
        assert said == command.expected[0], f"{script.name}.txt:{command.line}"
    await names.close()
