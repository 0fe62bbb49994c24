"""A request as the endpoint has it: whoever judges it may read its body first, or leave that for later."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.streams import StreamReader

if TYPE_CHECKING:
    from headrace.aws.signature_payload import PayloadCheck

FormCheck = Callable[[Mapping[str, str]], None]


class BufferedRequest(web.BaseRequest):
    """As aiohttp has it, until `buffered` is asked for.

    Where signatures are required, whoever reads the body of an S3 request holds it against `payload_check`,
    and the fields of a form, by their names in lower case, against `form_check`. `now` is what the answer is
    dated by, where that is not real time.
    """

    ATTRS = web.BaseRequest.ATTRS | {"payload_check", "form_check", "now"}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.payload_check: PayloadCheck | None = None
        self.form_check: FormCheck | None = None
        self.now: Callable[[], datetime] | None = None

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Be called by aiohttp before the headers of any answer are written."""
        self.date(response)

    def date(self, response: web.StreamResponse) -> None:
        """Date an answer, where time is not the real one."""
        if self.now is not None:
            response.headers["Date"] = format_datetime(self.now(), usegmt=True)

    async def buffered(self, most: int) -> bytes:
        """Return the whole body, and let it be read again. Raises HTTPRequestEntityTooLarge beyond `most`."""
        body = bytearray()
        async for chunk in self._payload.iter_any():  # `content` would be remembered as what it is now
            body += chunk
            if len(body) > most:
                raise web.HTTPRequestEntityTooLarge(most, len(body))
        stream = StreamReader(self._protocol, len(body) + 1, loop=asyncio.get_running_loop())
        if body:
            stream.feed_data(bytes(body))
        stream.feed_eof()
        self._payload = stream
        return bytes(body)
