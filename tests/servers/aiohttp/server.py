"""aiohttp: all five transports."""

import asyncio
import sys
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import drop_of, message, newest, next_phase, updates, wait_s

_latest = {"number": None, "text": ""}
# A phase for each connection, by its address and port.
_phases = {}


async def latest(_request):
    number = newest(0)
    if _latest["number"] != number:
        _latest.update(number=number, text=message(number))
    return web.Response(text=_latest["text"], content_type="application/json")


async def following(request):
    phase = _phases.setdefault(request.transport.get_extra_info("peername"), next_phase())
    number = newest(phase) + 1
    await asyncio.sleep(wait_s(phase, number))
    return web.Response(text=message(number), content_type="application/json")


async def push(request, content_type, prefix, suffix):
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for text in updates(drop_of(request.path_qs)):
            await response.write(f"{prefix}{text}{suffix}".encode())
    except (ConnectionResetError, asyncio.CancelledError):
        pass
    return response


async def stream(request):
    return await push(request, "application/json", "", "")


async def events(request):
    return await push(request, "text/event-stream", "data: ", "\n\n")


async def live(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)

    async def send():
        async for text in updates(drop_of(request.path_qs)):
            await socket.send_str(text)

    sender = asyncio.create_task(send())
    async for _ in socket:
        pass
    sender.cancel()
    return socket


app = web.Application()
app.add_routes(
    [
        web.get("/latest", latest),
        web.get("/next", following),
        web.get("/stream", stream),
        web.get("/events", events),
        web.get("/live", live),
    ]
)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, keepalive_timeout=60)
