"""A request whose body can be read before it is answered, and is there all the same for who answers it."""

import asyncio

from aiohttp import web
from aiohttp.streams import StreamReader


class BufferedRequest(web.BaseRequest):
    """As aiohttp has it, until `buffered` is asked for."""

    async def buffered(self, most: int) -> bytes:
        """Return the whole body, and let it be read again. Raises HTTPRequestEntityTooLarge beyond `most`."""
        body = bytearray()
        async for chunk in self.content.iter_any():
            body += chunk
            if len(body) > most:
                raise web.HTTPRequestEntityTooLarge(most, len(body))
        stream = StreamReader(self._protocol, len(body) + 1, loop=asyncio.get_running_loop())
        if body:
            stream.feed_data(bytes(body))
        stream.feed_eof()
        self._payload = stream
        return bytes(body)
