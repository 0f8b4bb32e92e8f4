"""uvicorn with Starlette: all five transports."""

import asyncio
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import drop_of, message, newest, next_phase, updates, wait_s

_latest = {"number": None, "text": ""}
# A phase for each connection, by its port.
_phases = {}


async def latest(_request):
    number = newest(0)
    if _latest["number"] != number:
        _latest.update(number=number, text=message(number))
    return Response(_latest["text"], media_type="application/json")


async def following(request):
    phase = _phases.setdefault(request.client, next_phase())
    number = newest(phase) + 1
    await asyncio.sleep(wait_s(phase, number))
    return Response(message(number), media_type="application/json")


async def stream(request):
    return StreamingResponse(updates(drop_of(str(request.url))), media_type="application/json")


async def events(request):
    async def lines():
        async for text in updates(drop_of(str(request.url))):
            yield f"data: {text}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def live(socket):
    await socket.accept()
    try:
        async for text in updates(drop_of(str(socket.url))):
            await socket.send_text(text)
    except WebSocketDisconnect:
        pass


app = Starlette(
    routes=[
        Route("/latest", latest),
        Route("/next", following),
        Route("/stream", stream),
        Route("/events", events),
        WebSocketRoute("/live", live),
    ]
)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=60)
