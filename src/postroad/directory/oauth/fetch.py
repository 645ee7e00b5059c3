"""One HTTP request to an issuer of tokens, bounded in size and time.

TLS is verified; redirects are not followed and the environment's proxies are not used, so that the
request goes where the configuration says. Every failure is «does not answer now».
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote_plus

import httpx2

from postroad.directory.interface import DirectoryUnavailable

__all__ = ["Fetcher"]

MAX_ANSWER = 262_144
"""Octets of an answer; a set of twenty keys with their certificates has some 60,000."""


# A compressed answer could grow without bound while it is unpacked.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class Fetcher:
    """Asks an issuer.

    Args:
        timeout: seconds for a whole answer.
        ca_file: PEM file of authorities; the system's when `None`.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, timeout: float, ca_file: Path | None) -> None:
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=ca_file)

    async def get(self, url: str) -> object:
        """The JSON at a URL.

        Raises:
            DirectoryUnavailable: there is none to be had.
        """
        return await self._ask("GET", url, None, None)

    async def post(self, url: str, form: Mapping[str, str], credentials: tuple[str, str]) -> object:
        """The JSON that answers a form.

        Args:
            url: where to.
            form: its fields.
            credentials: name and password.

        Raises:
            DirectoryUnavailable: there is no answer.
        """
        return await self._ask("POST", url, form, credentials)

    async def _ask(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        credentials: tuple[str, str] | None,
    ) -> object:
        try:
            async with asyncio.timeout(self._timeout):
                octets = await self._octets(method, url, form, credentials)
            answer: object = json.loads(octets)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            words = str(error) or type(error).__name__
            raise DirectoryUnavailable(f"{url}: {words}") from error
        except (ValueError, RecursionError) as error:
            raise DirectoryUnavailable(f"{url}: the answer is not JSON") from error
        return answer

    async def _octets(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        credentials: tuple[str, str] | None,
    ) -> bytes:
        # RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
        auth = None if credentials is None else httpx2.BasicAuth(*map(quote_plus, credentials))
        async with (
            httpx2.AsyncClient(verify=self._tls, timeout=self._timeout, trust_env=False) as client,
            client.stream(method, url, data=form, auth=auth, headers=_HEADERS) as answer,
        ):
            if answer.status_code != httpx2.codes.OK:
                raise DirectoryUnavailable(f"{url}: answered with {answer.status_code}")
            octets = b""
            async for chunk in answer.aiter_raw():
                octets += chunk
                if len(octets) > MAX_ANSWER:
                    raise DirectoryUnavailable(f"{url}: the answer is too long")
            return octets
