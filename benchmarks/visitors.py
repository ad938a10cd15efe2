"""Visitors without a browser: sessions that speak the dashboard's websocket as its own page does.

Sixteen browsers take a machine of their own; these take little, so that what is measured is the dashboard and its service.
They draw nothing: how long a click takes is how long the server works at it.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_MOST_BYTES = 2**28  # of a message: figures are large
_LONGEST = 60.0  # seconds that a page may take
_RUN = "Run"


@dataclass
class Visitor:
    """One session: the pages that it may go to, what stands on its page, and the next runs that the page asked for."""

    address: str
    query: str
    pages: dict[str, str] = field(default_factory=dict)  # the hash of each, by its place in the address
    page: str = ""
    buttons: dict[str, str] = field(default_factory=dict)  # id of each that can be pressed, by its words
    errors: list[str] = field(default_factory=list)
    again: dict[str, float] = field(default_factory=dict)  # seconds after which a part of the page is to be run again
    _socket: Any = None

    async def come(self, place: str) -> float:
        """Open the dashboard at a page; returns the milliseconds until it is whole."""
        from websockets.asyncio.client import connect
        from websockets.typing import Subprotocol

        parts = urlsplit(self.address)
        address = f"ws://{parts.netloc}/_stcore/stream"
        self._socket = await connect(address, subprotocols=[Subprotocol("streamlit")], max_size=_MOST_BYTES)
        return await self._rerun(page_name=place)

    async def click(self, place: str) -> float:
        """Go to another page by the menu; returns the milliseconds until it is whole."""
        self.again = {}
        return await self._rerun(page_script_hash=self.pages[place])

    async def run(self) -> bool:
        """Press Run; False where there is none to be pressed."""
        if _RUN not in self.buttons:
            return False
        await self._rerun(page_script_hash=self.page, pressed=self.buttons[_RUN])
        return True

    async def stay(self, seconds: float) -> None:
        """Look at the page for so long, which runs those parts of it again that follow a job."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min([left, *self.again.values()]))
            for part in [part for part in self.again if time.monotonic() < until]:
                if part not in self.again:  # the page has begun anew meanwhile
                    break
                await self._rerun(page_script_hash=self.page, fragment_id=part, is_auto_rerun=True)

    async def leave(self) -> None:
        """Close the tab."""
        await self._socket.close()

    async def _rerun(self, pressed: str = "", **asked: Any) -> float:  # Any: fields of a message of Streamlit's
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        message.rerun_script.query_string = self.query
        for name, value in asked.items():
            setattr(message.rerun_script, name, value)
        if pressed:
            message.rerun_script.widget_states.widgets.add(id=pressed, trigger_value=True)
        start = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        if "fragment_id" not in asked:
            self.buttons, self.errors = {}, []
        async with asyncio.timeout(_LONGEST):
            await self._read()
        return 1e3 * (time.perf_counter() - start)

    async def _read(self) -> None:
        """Take what the server sends until a run of the page is over, and no other has begun."""
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        over = False
        while not over:
            message = ForwardMsg()
            message.ParseFromString(await self._socket.recv())
            kind = message.WhichOneof("type")
            if kind == "script_finished":
                over = message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            elif kind == "new_session" and not message.metadata.run.fragment_ids:
                self.again = {}  # a whole page begins
            elif kind == "navigation":
                self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                self.page = message.navigation.page_script_hash
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "auto_rerun":
                self.again[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "stop_auto_rerun":
                self.again.pop(message.stop_auto_rerun.fragment_id, None)
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._element(message.delta.new_element)

    def _element(self, element: Any) -> None:  # Any: a message of Streamlit's
        kind = element.WhichOneof("type")
        if kind == "button" and not element.button.disabled:
            self.buttons[element.button.label] = element.button.id
        elif kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.errors.append(element.alert.body)
