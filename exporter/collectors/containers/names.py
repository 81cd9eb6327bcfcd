"""What containers are called: asked of the engine, of Kubernetes, of our own pod."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from exporter.collectors.containers.engine import FIRST_ANSWER_SECONDS, Engine
from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.collectors.containers.identity import Identity, Naming
from exporter.collectors.containers.member import Member
from exporter.collectors.loop import Loop
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.identity.downward import DownwardVolume
from exporter.identity.pods import PodList

SETTLE_SECONDS = 10.0
"""How long a container waits for a name before it is exposed without one."""
PODS_EVERY_SECONDS = 15.0


class Names:
    """Who may know a container, asked in turn; each may be missing."""

    def __init__(
        self,
        naming: Naming,
        *,
        engine: Engine | None = None,
        pods: PodList | None = None,
        own_pod: DownwardVolume | None = None,
    ) -> None:
        """Take who is there to be asked."""
        self._naming = naming
        self._engine = engine
        self._pods = pods
        self._own_pod = own_pod
        self._own_pod_trouble: str | None = None
        self._heard: Sequence[object] = ()
        self._dags: DagFilter | None = None
        self._asking = Loop("pod-list", pods.refresh, lambda: PODS_EVERY_SECONDS) if pods else None
        if self._asking is not None:
            self._asking.trouble = f"{pods} has not answered yet"

    def start(self) -> None:
        """Begin to ask."""
        if self._engine is not None:
            self._engine.start()
        if self._asking is not None:
            self._asking.start(FIRST_ANSWER_SECONDS)

    def stop(self) -> None:
        """Ask no more."""
        if self._engine is not None:
            self._engine.stop()
        if self._asking is not None:
            self._asking.stop()

    @property
    def trouble(self) -> str | None:
        """Why somebody cannot be asked, in a sentence."""
        asked = (self._engine, self._asking)
        told = (each.trouble for each in asked if each is not None)
        return next((text for text in told if text is not None), self._own_pod_trouble)

    def news(self) -> bool:
        """Tell whether anybody has told anything since the last call, or other DAGs are wanted."""
        heard = (self._engine and self._engine.containers, self._pods and self._pods.containers)
        dags = self._naming.dags()
        # What they tell never changes: it is replaced. To compare it would take as long as to ask.
        same = all(new is old for new, old in zip_longest(heard, self._heard))
        same = same and dags == self._dags
        self._heard, self._dags = heard, dags
        return not same

    def identity(self, member: Member, now: float) -> Identity | None:
        """Return whose a container is, None as long as somebody may still tell.

        It is settled before it is first exposed, and after that only the engine renames.
        """
        told, dags = self._engine_tells(member), self._naming.dags()
        if told is not None and member.told is told and member.dags == dags:
            return member.identity
        member.dags = dags
        found = self._told(member)
        # Of what has ended nobody tells any more.
        waits = member.ended_at is None and now - member.since < SETTLE_SECONDS
        late = self._nobody or not waits
        if found is None and waits and self._asking is not None:
            # It is younger than the last list, and may be gone before the next.
            self._asking.hurry()
        if found is not None and (found.is_settled or late or member.identity is not None):
            # An equal one is not taken: samples are made anew for a new one.
            member.identity = member.identity if found == member.identity else found
        elif member.identity is None and late:
            member.identity = self._naming.unknown(member.place)
        return member.identity

    def introduce(self, member: Member, told: EngineContainer) -> None:
        """Name a container by what was told at its start: nobody may tell any more at its end."""
        member.identity = self._naming.of_engine(member.place, told)
        member.made_wall = told.started_at or member.made_wall

    def started_wall(self, member: Member) -> float | None:
        """Return when a container started, in Unix seconds, as far as that is known."""
        told = self._engine_tells(member)
        return (told.started_at if told else None) or member.made_wall

    def _engine_tells(self, member: Member) -> EngineContainer | None:
        return self._engine.containers.get(member.place.container_id) if self._engine else None

    @property
    def _nobody(self) -> bool:
        return self._engine is None and self._pods is None

    def _told(self, member: Member) -> Identity | None:
        place = member.place
        if self._engine is not None:
            told = self._engine_tells(member)
            if told is not None:
                identity = self._naming.of_engine(place, told)
                # What is settled stays, until the engine tells otherwise.
                member.told = told if identity.is_settled else None
                return identity
        if self._pods is not None:
            container = self._pods.containers.get(place.container_id)
            pod = self._pods.pods.get(container.pod_uid) if container else None
            if pod is not None:
                return self._naming.of_pod(place, pod, container)
        return self._of_own_pod(member)

    def _of_own_pod(self, member: Member) -> Identity | None:
        if self._own_pod is None or member.identity is not None:
            return None
        try:
            pod = self._own_pod.pod()
        except SourceUnavailableError as error:
            self._own_pod_trouble = str(error)
            return None
        self._own_pod_trouble = None
        return self._naming.of_pod(member.place, pod, None)
