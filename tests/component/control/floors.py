"""A world with another autoscaler on the target, whose floor is raised."""

from .worlds import HPA, MINUTE, SHORT, World, autoscaler, deployment, hpa

NEEDED = 11  # pods for 510/s at 50/s each, as forecast
AT_ONCE = {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 50, "periodSeconds": 15}]}}}


class Floors(World):
    """What the HPA and the ScaledObject called `web` say."""

    def floor(self, kind=HPA, name="web"):
        return self.server.get(*kind, name)["spec"].get("minReplicas" if kind == HPA else "minReplicaCount")

    def notes(self, kind=HPA, name="web"):
        notes = self.server.get(*kind, name)["metadata"].get("annotations") or {}
        return {key.removeprefix("bayescaler.dev/"): value for key, value in notes.items()}

    def set_least(self, value, name="web"):
        self.server.patch(*HPA, name, {"spec": {"minReplicas": value}})

    def said(self, reason):
        kind = self.server.kinds.of_object({"apiVersion": "events.k8s.io/v1", "kind": "Event"})
        events = [record.object for _, record in self.server.store.items(kind.resource)]
        return [e.get("note") or e["message"] for e in events if e["reason"] == reason]

    async def seen(self, what):
        """Wait until the watch has told of what was done by hand."""
        await self.until(what, "the watch tells of it")

    def stored(self, kind=HPA, name="web"):
        found = [s for s in self.operator.scalers._scalers[kind[1]].values() if s.name == name]
        return found[0] if found else None


async def raised(world, *others, **spec):
    """A Deployment with its HPA, and an object in mode Floor that has raised its floor."""
    await world.begin(deployment(), *others or (hpa(),), autoscaler(mode="Floor", **SHORT | AT_ONCE | spec))
    await world.run(2 * MINUTE)
