"""The golden scripts, put to a real Postfix: it must say what we say, word for word.

One Postfix serves all scripts, a port each, with the script's lists as its restrictions. XCLIENT
gives it the script's client and login, nsd its DNS, one service each the answers of policy
services. Where Postfix says something else, the script has that too (`~`); scripts that say `ours`
and sessions under TLS, which XCLIENT cannot give, are left out.
"""

from __future__ import annotations

import pytest

import policy_golden
import policy_script
from peers.golden_postfix import GoldenPostfix
from policy_script import Script

pytestmark = pytest.mark.peer

SCRIPTS = [s for s in map(policy_script.read, policy_script.scripts()) if not s.ours]


@pytest.fixture(scope="module")
def postfix():
    peer = GoldenPostfix(SCRIPTS)
    yield peer
    peer.stop()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_postfix_says_the_same(script: Script, postfix: GoldenPostfix):
    asked = 0
    for command, said in postfix.play(script):
        where = f"{script.name}.txt:{command.line}"
        assert said == command.postfix_decision, where
        for note in command.notes:
            postfix.wait_log(note, where)
        asked += 1
    assert asked or any(session.is_encrypted for session in script.sessions)


UNLIKE = {
    "client_port": "that of the script's client is not Postfix's",
    "instance": "each has its own",
    "queue_id": "likewise",
    "size": "of a message that the script does not show",
    "server_address": "that of the script has none",
    "server_port": "likewise",
    "policy_context": "added where the question is put",
}


async def test_policy_services_are_told_the_same(postfix: GoldenPostfix, tmp_path):
    """Each of our questions is one that Postfix puts too, but for what cannot be the same."""
    script = next(s for s in SCRIPTS if s.name == "check_policy_service_stages")
    (service,) = script.world.services.values()
    service.asked.clear()
    list(postfix.play(script))
    told_by_postfix = list(map(_comparable, service.asked))
    assert len(told_by_postfix) > 20
    service.asked.clear()
    async for _ in policy_golden.play(script, tmp_path):
        pass
    for attributes in map(_comparable, service.asked):
        assert attributes in told_by_postfix


def _comparable(attributes):
    return {name: value for name, value in attributes.items() if name not in UNLIKE}
