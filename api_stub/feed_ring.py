"""The newest events of the feed, as a process of the HTTP stub keeps them for all its readers."""

from collections.abc import Iterator

from api_stub.event_stream import FeedEvent


class Ring:
    """Events without a gap between them, the newest that fit into `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.empty(0)

    def empty(self, last: int) -> None:
        """Forget all events; the next is the one after the position `last`."""
        self._events: dict[int, FeedEvent] = {}
        self._bytes = 0
        self._first = last + 1
        self.last = last

    def append(self, event: FeedEvent) -> None:
        """Keep `event`, and let go of the oldest for which there is no room."""
        if event.position != self.last + 1:
            self.empty(event.position - 1)
        self._events[event.position] = event
        self.last = event.position
        self._bytes += len(event.written)
        while self._bytes > self._max_bytes and self._first < self.last:
            self._bytes -= len(self._events.pop(self._first).written)
            self._first += 1

    def reaches_back_to(self, position: int) -> bool:
        """Return whether all events after `position` are here."""
        return position >= self._first - 1

    def after(self, position: int) -> Iterator[FeedEvent]:
        """Give the events after `position`, oldest first."""
        while (event := self._events.get(position + 1)) is not None:
            yield event
            position += 1
