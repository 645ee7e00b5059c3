"""How an operator writes a policy service."""

from __future__ import annotations

import pytest

from postroad.net.policy_service import PolicyService


@pytest.mark.parametrize(
    ("text", "service", "shown"),
    [
        ("inet:127.0.0.1:10023", {"host": "127.0.0.1", "port": 10_023}, "127.0.0.1:10023"),
        ("127.0.0.1:10023", {"host": "127.0.0.1", "port": 10_023}, "127.0.0.1:10023"),
        ("inet:[::1]:10023", {"host": "::1", "port": 10_023}, "inet:[::1]:10023"),
        ("inet:postgrey:10023", {"host": "postgrey", "port": 10_023}, "postgrey:10023"),
        ("unix:/run/policy", {"path": "/run/policy"}, "unix:/run/policy"),
        ("/run/policy", {"path": "/run/policy"}, "unix:/run/policy"),
        ("/run/a:b", {"path": "/run/a:b"}, "unix:/run/a:b"),
        ("{ inet:h:1 }", {"host": "h", "port": 1}, "h:1"),
        (
            "{ inet:h:1, timeout=10s, default_action=DUNNO }",
            {"host": "h", "port": 1, "timeout": 10.0, "default_action": "DUNNO"},
            "h:1",
        ),
        (
            "{\tinet:h:1\n{ default_action = 451 4.3.5 See http://example.com/a },timeout=1m }",
            {
                "host": "h",
                "port": 1,
                "timeout": 60.0,
                "default_action": "451 4.3.5 See http://example.com/a",
            },
            "h:1",
        ),
        (
            "{/p max_idle=9 max_ttl=2h request_limit=1 try_limit=3 retry_delay=0 policy_context=m}",
            {
                "path": "/p",
                "max_idle": 9.0,
                "max_ttl": 7200.0,
                "request_limit": 1,
                "try_limit": 3,
                "retry_delay": 0.0,
                "policy_context": "m",
            },
            "unix:/p",
        ),
    ],
)
def test_services(text: str, service: dict[str, object], shown: str) -> None:
    parsed = PolicyService.parse(text)
    assert parsed == PolicyService(**service)  # type: ignore[arg-type]
    assert str(parsed) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no policy service: expected inet:HOST:PORT or unix:/PATH"),
        ("localhost", "is no policy service"),
        ("inet:10023", "is no policy service"),
        ("inet:host:0", "is no policy service"),
        ("inet:host:65536", "is no policy service"),
        ("inet:host:smtp", "is no policy service"),
        ("inet:a..b:1", "is no policy service"),
        ("inet:a b:1", "is no policy service"),
        ("inet:1:2:3", "is no policy service"),
        ("unix:private/policy-spf", "unix:/var/spool/postfix/private/policy-spf"),
        ("unix:", "no absolute path"),
        ("unix:/" + "x" * 107, "107 octets at most"),
        ("{", "expected { inet:HOST:PORT, name=value, { name = value } }"),
        ("{}", "no service between the braces"),
        ("{ inet:h:1", "expected { inet:HOST:PORT"),
        ("{ inet:h:1, { timeout = 1s }", "expected { inet:HOST:PORT"),
        ("{ inet:h:1, { a { b } } }", "expected { inet:HOST:PORT"),
        ("{ timeout=1s }", "is no policy service"),
        ("{ inet:h:1, timeuot=1s }", 'did you mean "timeout"?'),
        ("{ inet:h:1, timeout }", "is no setting of a policy service: expected name=value"),
        ("{ inet:h:1, timeout=0 }", "expected 1 seconds or more"),
        ("{ inet:h:1, timeout=soon }", "timeout=soon: a duration is"),
        ("{ inet:h:1, try_limit=0 }", "expected a number from 1 to 10"),
        ("{ inet:h:1, request_limit=-1 }", "expected a number from 0 to 1000000"),
        ("{ inet:h:1, default_action= }", "expected some text"),
        ("{ inet:h:1, default_action=451 4.3.5 No }", "{ name = value } where there are spaces"),
    ],
)
def test_mistakes(text: str, words: str) -> None:
    mistake = PolicyService.parse(text)
    assert isinstance(mistake, str)
    assert words in mistake
