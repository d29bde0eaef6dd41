"""What is kept of other autoscalers, and the patches that raise a floor and put it back."""

import pytest

from bayescaler.cluster.errors import Moved, Unprocessable
from bayescaler.cluster.scalers import Claim, Reference, ScalerKind, patch_floor, project, restore_floor

HPA, SCALED = ScalerKind.HPA, ScalerKind.SCALED_OBJECT
NOTE = "/metadata/annotations/bayescaler.dev~1"


def raw(least=2, most=40, *, kind=HPA, notes=None, **metadata):
    names = ("minReplicas", "maxReplicas") if kind is HPA else ("minReplicaCount", "maxReplicaCount")
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    spec |= {name: value for name, value in zip(names, (least, most), strict=True) if value is not None}
    about = {"namespace": "shop", "name": "web", "uid": "u", **metadata}
    if notes is not None:
        about["annotations"] = {f"bayescaler.dev/{key}": value for key, value in notes.items()}
    return {"metadata": about, "spec": spec}


def claimed(original="2", floor="9", least=9, **options):
    notes = {"original-min-replicas": original, "floor": floor, "floor-owner": "web/uid-1"}
    return project(options.get("kind", HPA), raw(least, notes=notes, **options))


class Server:
    """Takes every patch, or refuses it."""

    def __init__(self, refusal=None):
        self.refusal, self.sent = refusal, None

    async def request(self, method, path, *, body, query, content_type):
        self.sent = body
        if self.refusal is not None:
            raise self.refusal
        return raw()

    @property
    def tests(self):
        return {op["path"]: op["value"] for op in self.sent if op["op"] == "test"}

    @property
    def changes(self):
        return [(op["op"], op["path"], op.get("value")) for op in self.sent if op["op"] != "test"]


def test_a_target_is_known_by_group_kind_and_name_whatever_the_version():
    assert Reference.of("apps/v1", "Deployment", "web") == Reference.of("apps/v1beta2", "Deployment", "web")
    assert Reference.of("v1", "ReplicationController", "web") == Reference("", "ReplicationController", "web")


def test_a_scaled_object_may_leave_out_what_it_scales_but_for_its_name():
    scaler = project(SCALED, {"metadata": {"name": "web", "uid": "u"}, "spec": {"scaleTargetRef": {"name": "web"}}})
    assert scaler.target == Reference("apps", "Deployment", "web")
    assert (scaler.least, scaler.floor, scaler.most) == (None, 0, 100)


def test_what_names_no_target_is_not_kept():
    assert project(SCALED, {"metadata": {"name": "web", "uid": "u"}, "spec": {}}) is None


def test_the_manager_that_wrote_the_least_number_last_is_known():
    field = {"f:spec": {"f:minReplicas": {}}}
    entries = [
        {"manager": "kubectl", "time": "2026-03-02T08:00:00Z", "fieldsV1": field},
        {"manager": "argocd-controller", "time": "2026-03-02T09:00:00Z", "fieldsV1": field},
        {"manager": "kube-controller-manager", "time": "2026-03-02T10:00:00Z", "fieldsV1": {"f:status": {}}},
    ]
    assert project(HPA, raw(managedFields=entries)).set_by == "argocd-controller"
    assert project(HPA, raw()).set_by is None


def test_the_original_is_what_was_noted_while_our_number_stands_and_else_what_stands():
    assert claimed().original == 2
    assert claimed(least=5).original == 5
    assert claimed(original="unset", kind=SCALED, least=9).own_floor == 0


@pytest.mark.parametrize(
    "notes",
    [{"floor": "9"}, {"original-min-replicas": "2"}, {"floor": "nine", "original-min-replicas": "2"},
     {"floor": "9", "original-min-replicas": "-2"}, {"floor": "9" * 5000, "original-min-replicas": "2"},
     {"floor": "2147483648", "original-min-replicas": "2"}],
)  # fmt: skip
def test_notes_that_cannot_be_read_claim_nothing_and_the_number_in_force_is_theirs(notes):
    scaler = project(HPA, raw(9, notes=notes))
    assert (scaler.claim, scaler.original) == (None, 9)


async def test_a_first_floor_notes_the_original_and_tests_what_was_seen():
    server = Server()
    await patch_floor(server, project(HPA, raw()), floor=9, name="web", uid="uid-1")
    assert server.tests == {"/metadata/uid": "u", "/spec/minReplicas": 2, "/metadata/annotations": None}
    assert server.changes == [
        ("add", "/metadata/annotations", {}),
        ("add", f"{NOTE}original-min-replicas", "2"),
        ("add", f"{NOTE}floor", "9"),
        ("add", f"{NOTE}floor-owner", "web/uid-1"),
        ("add", "/spec/minReplicas", 9),
    ]


async def test_a_further_floor_keeps_the_original_and_the_annotations_of_others():
    server = Server()
    await patch_floor(server, claimed(), floor=12, name="web", uid="uid-1")
    assert server.tests == {"/metadata/uid": "u", "/spec/minReplicas": 9, f"{NOTE}floor": "9"}
    assert ("add", f"{NOTE}original-min-replicas", "2") in server.changes
    assert ("add", "/metadata/annotations", {}) not in server.changes


async def test_a_floor_down_at_the_original_is_put_back_altogether():
    server = Server()
    await patch_floor(server, claimed(), floor=2, name="web", uid="uid-1")
    assert ("replace", "/spec/minReplicas", 2) in server.changes
    assert ("remove", f"{NOTE}floor", None) in server.changes


async def test_a_number_that_somebody_wrote_over_ours_is_not_put_back():
    server = Server()
    await restore_floor(server, claimed(least=20))
    assert all(path != "/spec/minReplicas" for _, path, _ in server.changes)
    assert ("remove", f"{NOTE}original-min-replicas", None) in server.changes


async def test_what_was_not_written_before_us_is_removed_again():
    server = Server()
    await restore_floor(server, claimed(original="unset"))
    assert ("remove", "/spec/minReplicas", None) in server.changes


async def test_without_a_floor_of_ours_nothing_is_sent():
    server, scaler = Server(), project(HPA, raw())
    assert await restore_floor(server, scaler) is scaler
    assert server.sent is None


async def test_an_autoscaler_edited_since_it_was_seen_has_moved():
    with pytest.raises(Moved, match='HorizontalPodAutoscaler "web" is no longer u with minReplicas 9'):
        await restore_floor(Server(Unprocessable(422, "Invalid", "the test failed")), claimed())


async def test_a_number_that_the_server_finds_wrong_is_its_own_error():
    wrong = Unprocessable(422, "Invalid", "no", causes=("spec.maxReplicas: must be greater",))
    with pytest.raises(Unprocessable):
        await patch_floor(Server(wrong), project(HPA, raw()), floor=90, name="web", uid="uid-1")


def test_a_claim_knows_for_whom_it_is():
    assert claimed().claim == Claim(2, 9, "web", "uid-1")
