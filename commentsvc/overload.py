"""What a web process does when more is asked of it than it can do: it says so, soon, in a fair order.

A server in front queues whatever comes, without saying how long it waited. So this middleware keeps the queue itself:
as many requests are worked on as there are `places`; a few more wait in a `room`, the more important ones first, none
for long; whatever finds no room, or waits in vain, is answered 503 with Retry-After, at a fiftieth of the price. The
server needs `threads_for(places, room)` threads, so that it hands over at once what comes in.

In which order (`Kind`): answers from memory never come here (`commentsvc.reuse` stands in front), and health pages and
files pass. Then posts, votes, sign-ins and the console; and the one request that renews a page which others get from
memory. Uncached reads wait less, have half of the room, and so go first; but every fourth place is theirs, so that no
flood of posts starves them.

How long: a rush may wait a moment. Once somebody has been waiting all the time for `STANDING` seconds it is no rush, a long
queue only makes everybody late, and the shorter patience counts (the idea of CoDel).
"""

from __future__ import annotations

import contextlib
import enum
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import structlog

from commentsvc.busy import answer_busy
from commentsvc.reuse import KEPT, SPARE, TURNED_AWAY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

PLACE: Final = "commentsvc.place"
"""Where a request's environment has its `Place`."""
DOORMEN: Final = 4
"""Threads that only turn away what finds no room."""
STANDING: Final = 1.0
LAST_EVERY: Final = 4
LOG_EVERY: Final = 10.0

# Never waits: what a load balancer and Prometheus look at, and files that browsers keep.
_OPEN: Final = ("/healthz", "/readyz", "/metrics", "/static/", "/embed/assets/", "/embed.js", "/counts.js", "/favicon.ico")


class Kind(enum.Enum):
    """What a request may expect; the most important first."""

    FIRST = "first"  # posts, votes, sign-in, the console; a page that many ask for
    READ = "read"
    SPARE = "spare"  # a page that is being renewed already: if there is no place, it is given from memory


PATIENCE: Final[dict[Kind, tuple[float, float]]] = {
    Kind.FIRST: (2.0, 1.0), Kind.READ: (0.5, 0.1), Kind.SPARE: (0.0, 0.0),
}
"""Seconds that a request waits in a rush, and when the rush does not end."""


def threads_for(places: int, room: int) -> int:
    """How many threads a server needs, so that none waits unseen."""
    return places + room + DOORMEN if room else places


def kind_of(environ: WSGIEnvironment) -> Kind | None:
    """From the first line and what `commentsvc.reuse` knows; None for what always passes."""
    path = environ.get("PATH_INFO", "")
    if path.startswith(_OPEN):
        return None
    if SPARE in environ:
        return Kind.SPARE
    # Who asks is not known yet: these addresses are of use to those only who may use them.
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD", "OPTIONS"} or path.startswith("/review") or "/account/" in path or KEPT in environ:
        return Kind.FIRST
    return Kind.READ


class Place:
    """The right to be worked on; given back once, however often it is left."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._held = True
        self._outside = False

    def leave_to_wait(self) -> None:
        """Let another have it while this request only waits; it finishes without one. Not where too many do so."""
        if self._held and not self._outside and self._gate.step_outside():
            self._outside = True

    def end(self) -> None:
        """The request is answered."""
        if self._outside:
            self._gate.came_back()
        elif self._held:
            self._gate.give_back()
        self._held = self._outside = False


class _Waiter:
    def __init__(self, since: float) -> None:
        self.since = since
        self.called = threading.Event()


class Gate:
    """Around an application: at most `places` requests at once, at most `room` that wait.

    `count` is called with the kind of each request that is turned away, `waited` with the seconds of each that waited and
    was let in.
    """

    def __init__(
        self, app: WSGIApplication, places: int, room: int, *, patience: Mapping[Kind, tuple[float, float]] = PATIENCE, clock: Callable[[], float] = time.monotonic,
        count: Callable[[Kind], None] = lambda _kind: None, waited: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._app = app
        self._room = room
        self._patience = patience
        self._clock = clock
        self._count = count
        self._waited = waited
        self._lock = threading.Lock()
        self._free = places
        self._outside = 0
        self._queues: dict[Kind, deque[_Waiter]] = {kind: deque() for kind in Kind}
        self._waiting_since: float | None = None
        self._let_in = 0
        self._turned_away = 0
        self._logged_at = -LOG_EVERY

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Work on it, now or in a moment, or say when to come back."""
        kind = kind_of(environ)
        if kind is None:
            return self._app(environ, start_response)
        if not self._enter(kind):
            self._turn_away(kind)
            environ[TURNED_AWAY] = True
            return answer_busy(environ, start_response)
        place = environ[PLACE] = Place(self)
        try:
            # What an answer sends bit by bit it sends without a place: nobody promises that its end is heard of.
            return self._app(environ, start_response)
        finally:
            place.end()

    @property
    def waiting(self) -> int:
        """How many requests wait for a place."""
        return sum(map(len, self._queues.values()))

    def _enter(self, kind: Kind) -> bool:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return True
            now = self._clock()
            patience = self._patience[kind][self._waiting_since is not None and now - self._waiting_since > STANDING]
            room = self._room if kind is Kind.FIRST else self._room // 2
            if patience <= 0 or self.waiting + self._outside >= room:
                return False
            waiter = _Waiter(now)
            self._queues[kind].append(waiter)
            if self._waiting_since is None:
                self._waiting_since = now
        called = waiter.called.wait(patience)
        with self._lock:
            if not called and not waiter.called.is_set():
                self._queues[kind].remove(waiter)
                self._seen_empty()
                return False
        self._waited(self._clock() - waiter.since)
        return True

    def give_back(self) -> None:
        """One of the places is free: for whoever is next, if anybody waits."""
        with self._lock:
            queue = self._next()
            if queue is None:
                self._free += 1
                return
            queue.popleft().called.set()  # the place is hers before anybody else can take it
            self._let_in += 1
            self._seen_empty()

    def step_outside(self) -> bool:
        """Whether a request may wait without a place; then its place is free."""
        with self._lock:
            if self._outside >= self._room // 2:
                return False
            self._outside += 1
        self.give_back()
        return True

    def came_back(self) -> None:
        """A request that waited without a place is answered."""
        with self._lock:
            self._outside -= 1

    def _next(self) -> deque[_Waiter] | None:
        waiting = [queue for queue in self._queues.values() if queue]
        if not waiting:
            return None
        return waiting[-1 if self._let_in % LAST_EVERY == LAST_EVERY - 1 else 0]

    def _seen_empty(self) -> None:
        if not any(self._queues.values()):
            self._waiting_since = None

    def _turn_away(self, kind: Kind) -> None:
        self._count(kind)
        with self._lock:
            self._turned_away += 1
            if self._clock() - self._logged_at < LOG_EVERY:
                return
            number, self._turned_away, self._logged_at = self._turned_away, 0, self._clock()
        with contextlib.suppress(Exception):  # a log that cannot be written makes nothing worse
            log.warning("more is asked than can be done; some are asked to come back", turned_away=number)
