"""Discovery is asked once, and asked again where a missing kind may have come to be."""

import asyncio

import pytest

from bayescaler.cluster.discovery import FOUND_SECONDS, MISSING_SECONDS, ScaleDiscovery
from bayescaler.cluster.errors import BadName, NoSuchKind, ServerError

GROUP = "/apis/example.com/v1"
WIDGET = {"name": "widgets", "kind": "Widget", "namespaced": True}
SCALE = {"name": "widgets/scale", "kind": "Scale", "namespaced": True}
STATUS = {"name": "widgets/status", "kind": "Widget", "namespaced": True}


async def test_the_path_of_a_scale_is_made_of_what_discovery_says(api, client, clock):
    api.on("GET", GROUP, api.json({"resources": [STATUS, WIDGET, SCALE]}))
    resource = await ScaleDiscovery(client, clock=clock).resolve("example.com/v1", "Widget")
    assert resource.plural == "widgets"
    assert resource.path("shop", "w") == f"{GROUP}/namespaces/shop/widgets/w/scale"


async def test_a_thousand_objects_of_one_kind_ask_once(api, client, clock):
    api.on("GET", GROUP, api.json({"resources": [WIDGET, SCALE]}))
    discovery = ScaleDiscovery(client, clock=clock)
    await asyncio.gather(*(discovery.resolve("example.com/v1", "Widget") for _ in range(1000)))
    assert len(api.asked) == 1
    clock.now = FOUND_SECONDS
    await discovery.resolve("example.com/v1", "Widget")
    assert len(api.asked) == 2


async def test_a_group_that_hangs_holds_up_no_other(api, client, clock):
    api.on("GET", GROUP, api.json({"resources": [WIDGET, SCALE]}))
    discovery = ScaleDiscovery(client, clock=clock)
    await discovery.resolve("example.com/v1", "Widget")
    released = asyncio.Event()

    async def hang(request):
        await released.wait()
        return await api.json({"resources": []})(request)

    api.on("GET", "/apis/hung.example.com/v1", hang)
    hung = asyncio.create_task(discovery.resolve("hung.example.com/v1", "Widget"))
    await api.arrival(2)
    assert (await discovery.resolve("example.com/v1", "Widget")).plural == "widgets"
    clock.now = FOUND_SECONDS
    assert (await discovery.resolve("example.com/v1", "Widget")).plural == "widgets"
    assert not hung.done()
    released.set()
    with pytest.raises(NoSuchKind):
        await hung


async def test_a_missing_kind_is_looked_for_again_after_half_a_minute(api, client, clock):
    api.on("GET", GROUP, api.status(404, "NotFound", "no"), api.json({"resources": [WIDGET, SCALE]}))
    discovery = ScaleDiscovery(client, clock=clock)
    for _ in range(2):
        with pytest.raises(NoSuchKind):
            await discovery.resolve("example.com/v1", "Widget")
    assert len(api.asked) == 1
    clock.now = MISSING_SECONDS
    assert (await discovery.resolve("example.com/v1", "Widget")).plural == "widgets"


async def test_a_failing_server_is_not_a_missing_kind(api, client, clock):
    api.on("GET", GROUP, api.status(500, "InternalError", "oops"), api.json({"resources": [WIDGET, SCALE]}))
    discovery = ScaleDiscovery(client, clock=clock)
    with pytest.raises(ServerError):
        await discovery.resolve("example.com/v1", "Widget")
    assert (await discovery.resolve("example.com/v1", "Widget")).plural == "widgets"


@pytest.mark.parametrize("api_version", ["../secrets", "a/b/c", "", "apps/"])
async def test_an_api_version_that_is_no_version_asks_nothing(api, client, clock, api_version):
    with pytest.raises(NoSuchKind):
        await ScaleDiscovery(client, clock=clock).resolve(api_version, "Widget")
    assert api.asked == []


@pytest.mark.parametrize("name", ["../../secrets/token", "..", "", "a%2fb"])
async def test_a_name_cannot_lead_to_another_path(api, client, clock, name):
    api.on("GET", GROUP, api.json({"resources": [WIDGET, SCALE]}))
    resource = await ScaleDiscovery(client, clock=clock).resolve("example.com/v1", "Widget")
    with pytest.raises(BadName):
        resource.path("shop", name)
