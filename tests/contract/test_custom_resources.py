"""What a CRD's schema does to objects: defaults, pruning, strict decoding, and refusals in the API server's words."""

import copy
import itertools

import pytest


async def test_defaults_are_filled_in_where_the_parent_is(api):
    made = await api.widget()
    assert made["spec"]["forecast"] == {"family": "Auto"}
    assert (made["spec"]["mode"], made["spec"]["maxSize"]) == ("Auto", 100)
    assert made["spec"]["targetRef"]["kind"] == "Deployment"
    cleared = await api.merge(f"{api.widgets}/one", {"spec": {"forecast": None}})
    assert cleared["spec"]["forecast"] == {"family": "Auto"}


async def test_unknown_fields_are_pruned_with_a_warning_and_refused_when_strict(api):
    manifest = api.widget_manifest(siez=5)
    strict = await api.post(api.widgets, manifest, fieldValidation="Strict")
    assert (strict.code, strict["reason"]) == (400, "BadRequest")
    assert (
        strict["message"] == 'Widget in version "v1" cannot be handled as a Widget: strict decoding error: '
        'unknown field "spec.siez"'
    )
    pruned = await api.post(api.widgets, manifest)
    assert (pruned.code, "siez" in pruned["spec"]) == (201, False)
    assert pruned.headers["Warning"] == '299 - "unknown field \\"spec.siez\\""'
    silent = await api.merge(f"{api.widgets}/one", {"spec": {"siez": 5}}, fieldValidation="Ignore")
    assert "Warning" not in silent.headers


@pytest.mark.parametrize(
    ("spec", "field", "reason", "message"),
    [
        (
            {"size": -1},
            "spec.size",
            "FieldValueInvalid",
            "Invalid value: -1: spec.size in body should be greater than or equal to 0",
        ),
        ({"share": 1}, "spec.share", "FieldValueInvalid", "Invalid value: 1: spec.share in body should be less than 1"),
        (
            {"share": 0},
            "spec.share",
            "FieldValueInvalid",
            "Invalid value: 0: spec.share in body should be greater than 0",
        ),
        (
            {"mode": "auto"},
            "spec.mode",
            "FieldValueNotSupported",
            'Unsupported value: "auto": supported values: "Auto", "Observe"',
        ),
        (
            {"size": "3"},
            "spec.size",
            "FieldValueTypeInvalid",
            'Invalid value: "string": spec.size in body must be of type integer: "string"',
        ),
        (
            {"share": "0.5"},
            "spec.share",
            "FieldValueTypeInvalid",
            'Invalid value: "string": spec.share in body must be of type number: "string"',
        ),
        (
            {"history": "a day"},
            "spec.history",
            "FieldValueInvalid",
            "Invalid value: \"a day\": spec.history in body should match '^([0-9]+(s|m|h|d|w))+$'",
        ),
        ({"history": "40d"}, "spec.history", "FieldValueInvalid", 'Invalid value: "40d": history must not exceed 30d'),
        (
            {"history": "1fortnight"},
            "spec.history",
            "FieldValueTypeInvalid",
            'Invalid value: "1fortnight": spec.history in body must be of type duration: "1fortnight"',
        ),
        (
            {"budget": "-1"},
            "spec.budget",
            "FieldValueInvalid",
            'Invalid value: "-1": budget must be a quantity above zero',
        ),
        ({"targetRef": {}}, "spec.targetRef.name", "FieldValueRequired", "Required value"),
        (
            {"targetRef": {"name": ""}},
            "spec.targetRef.name",
            "FieldValueInvalid",
            'Invalid value: "": spec.targetRef.name in body should be at least 1 chars long',
        ),
        (
            {"targetRef": {"name": "a" * 64}},
            "spec.targetRef.name",
            "FieldValueTooLong",
            "Too long: may not be more than 63 bytes",
        ),
        (
            {"seasons": ["1h", "2h", "3h", "4h"]},
            "spec.seasons",
            "FieldValueTooMany",
            "Too many: 4: must have at most 3 items",
        ),
        ({"seasons": ["1h", "1h"]}, "spec.seasons[1]", "FieldValueDuplicate", 'Duplicate value: "1h"'),
        (
            {"schedules": [{"name": "a"}, {"name": "a"}]},
            "spec.schedules[1]",
            "FieldValueDuplicate",
            'Duplicate value: {"name":"a"}',
        ),
        ({"size": 101}, "spec.size", "FieldValueInvalid", "Invalid value: size must not exceed maxSize"),
    ],
)
async def test_a_fault_is_named_by_its_field_and_told_in_a_sentence(api, spec, field, reason, message):
    reply = await api.post(api.widgets, api.widget_manifest(**spec))
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert {"field": field, "reason": reason, "message": message} in reply["details"]["causes"]
    assert f"{field}: {message}" in reply["message"]
    assert reply["message"].startswith('Widget.contract.bayescaler.dev "one" is invalid: ')


async def test_rules_wait_until_the_types_are_right(api):
    reply = await api.post(api.widgets, api.widget_manifest(size="3"))
    assert (
        "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct "
        "the existing errors to complete validation" in reply["message"]
    )


@pytest.mark.parametrize("history", ["14d", "1w", "1d12h", "720h", "30d"])
async def test_durations_of_days_and_weeks_are_durations_to_rules(api, history):
    assert (await api.widget(history=history))["spec"]["history"] == history


@pytest.mark.parametrize("budget", ["50", "1500m", "1e3", "0.5", "2Gi"])
async def test_quantities_are_quantities_to_rules(api, budget):
    assert (await api.widget(budget=budget))["spec"]["budget"] == budget


async def test_a_transition_rule_speaks_only_on_updates(api):
    await api.widget()
    reply = await api.merge(f"{api.widgets}/one", {"spec": {"targetRef": {"name": "other"}}})
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert "spec.targetRef: Invalid value: targetRef is immutable" in reply["message"]


async def test_an_object_that_a_tightened_schema_refuses_still_takes_other_writes(api):
    name = f"tight{api.namespace.rpartition('-')[2]}s"
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}.contract.bayescaler.dev"},
        "spec": {
            "group": "contract.bayescaler.dev",
            "scope": "Namespaced",
            "names": {"kind": name.capitalize(), "plural": name, "singular": name + "ular"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                                },
                                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                            },
                        }
                    },
                }
            ],
        },
    }
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    path = api.widgets.replace("widgets", name)
    await api.made(crds, crd)
    await api.until(lambda: api.get(path), 200)
    await api.made(
        path,
        {
            "apiVersion": "contract.bayescaler.dev/v1",
            "kind": name.capitalize(),
            "metadata": {"name": "x"},
            "spec": {"a": 50},
        },
    )
    tighter = copy.deepcopy(crd["spec"]["versions"])
    tighter[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["a"]["maximum"] = 10
    await api.merge(f"{crds}/{crd['metadata']['name']}", {"spec": {"versions": tighter}})
    higher = itertools.count(60)
    await api.until(lambda: api.merge(f"{path}/x", {"spec": {"a": next(higher)}}), 422)
    assert (await api.merge(f"{path}/x/status", {"status": {"said": "so"}})).code == 200
    assert (await api.merge(f"{path}/x", {"spec": {"b": 1}})).code == 200
    assert (await api.delete(f"{crds}/{crd['metadata']['name']}")).code == 200


async def test_a_definition_with_a_broken_rule_or_name_is_refused(api):
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    crd = (await api.get(f"{crds}/widgets.contract.bayescaler.dev")).body
    crd["metadata"] = {"name": "gadgets.contract.bayescaler.dev"}
    crd.pop("status")
    misnamed = await api.post(crds, crd)
    assert (misnamed.code, misnamed["reason"]) == (422, "Invalid")
    assert 'must be spec.names.plural+"."+spec.group' in misnamed["message"]
    crd["spec"]["names"] = {"kind": "Gadget", "plural": "gadgets"}
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["x-kubernetes-validations"] = [{"rule": "self.size >"}]
    broken = await api.post(crds, crd)
    assert (broken.code, broken["reason"]) == (422, "Invalid")
    assert "x-kubernetes-validations[0].rule" in broken["message"]


async def test_an_established_definition_says_so_and_is_discovered(api):
    crd = await api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.contract.bayescaler.dev")
    conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert (conditions["Established"], conditions["NamesAccepted"]) == ("True", "True")
    listed = {r["name"]: r for r in (await api.get("/apis/contract.bayescaler.dev/v1"))["resources"]}
    assert listed["widgets"]["shortNames"] == ["wd"]
    assert (listed["widgets"]["kind"], listed["widgets"]["categories"]) == ("Widget", ["all"])
    scale = listed["widgets/scale"]
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    assert sorted(listed["widgets/status"]["verbs"]) == ["get", "patch", "update"]
