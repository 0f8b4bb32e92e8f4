"""Python websockets: a WebSocket server at /live."""

import asyncio
import sys
from pathlib import Path

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import drop_of, updates


async def live(socket):
    try:
        async for text in updates(drop_of(socket.request.path)):
            await socket.send(text)
    except ConnectionClosed:
        pass


async def main():
    async with serve(live, "127.0.0.1", int(sys.argv[1])):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
