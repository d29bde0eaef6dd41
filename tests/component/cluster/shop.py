"""What stories do with an API server: make objects, and hear what a store hears."""

import asyncio
from contextlib import asynccontextmanager

import yaml

from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.targets import TargetStore


def deployment(name, replicas=3):
    labels = {"app": name}
    container = {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "500m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def autoscaler(name):
    text = f"""
    apiVersion: bayescaler.dev/v1alpha1
    kind: BayesianAutoscaler
    metadata: {{name: {name}}}
    spec:
      scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
      minReplicas: 1
      maxReplicas: 9
      load: {{prometheus: {{query: up, serverAddress: "http://prometheus:9090"}}}}
      capacity: {{perReplica: 50}}
    """
    return yaml.safe_load(text)


@asynccontextmanager
async def running(*coroutines):
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Heard:
    """A TargetStore that says when it heard something."""

    def __init__(self, client, namespaces):
        async def at_once(_seconds):
            await asyncio.sleep(0)

        self.store = TargetStore(client, ScaleDiscovery(client), namespaces=namespaces, sleep=at_once)
        self.event = asyncio.Event()
        for watch in self.store.watches:
            watch._put, watch._drop = self._then(watch._put), self._then(watch._drop)

    def _then(self, callback):
        def both(*arguments):
            callback(*arguments)
            self.event.set()

        return both

    async def until(self, predicate):
        while not predicate(self.store):
            self.event.clear()
            await self.event.wait()
