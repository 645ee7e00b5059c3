"""A server that is told what to answer to the questions that Dovecot is asked."""

from __future__ import annotations

import asyncio


class FakeDovecot:
    """Greets, and answers each question by a function of its fields; `None` hangs up."""

    def __init__(self, path, greeting, answer):
        self.path = path
        self.greeting = greeting
        self.answer = answer
        self.questions = []
        self.connections = 0

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self._serve, self.path, limit=1 << 20)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            writer.write(self.greeting)
            while asked := await reader.readline():
                fields = asked.decode().removesuffix("\n").split("\t")
                if fields[0] in {"VERSION", "CPID"}:
                    continue
                self.questions.append(fields)
                answer = self.answer(fields)
                if answer is None:
                    break
                writer.write(answer)
        except OSError:
            pass
        finally:
            writer.close()
