"""aiosignalr, a SignalR server for Python: calls "update" on each client, with the JSON protocol."""

import asyncio
import json
import sys
from pathlib import Path

from aiosignalr.server import Hub, SignalRServer

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import updates


# Every so many messages are left out.
DROP = int(sys.argv[2]) if len(sys.argv) > 2 else 0


class FeedHub(Hub):
    async def subscribe(self):
        """Sends updates to the caller until it leaves."""
        async for text in updates(DROP):
            await self.clients.caller.send("update", json.loads(text))


async def main():
    await SignalRServer(FeedHub).serve("127.0.0.1", int(sys.argv[1]), path="/hub")
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
