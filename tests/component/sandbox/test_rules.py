"""CEL rules of a schema: messages, transitions, and the types that values have in them."""

import pytest

from bayescaler.sandbox.server.rules import Rules, go_duration, quantity


def told(schema, new, old=None):
    rules = Rules(schema)
    assert rules.errors == []
    return [str(error) for error in rules.check(new, old)]


def of(rule, below=None, **more):
    return {"type": "object", "properties": {"x": below or {}}, "x-kubernetes-validations": [{"rule": rule, **more}]}


def test_a_message_may_be_an_expression():
    schema = of(
        "self.x < 10", {"type": "integer"}, messageExpression="'x is ' + string(self.x) + ', at most 9'", fieldPath=".x"
    )
    assert told(schema, {"x": 12}) == ["x: Invalid value: x is 12, at most 9"]


def test_without_a_message_the_rule_itself_is_told():
    assert told(of("self.x < 10", {"type": "integer"}), {"x": 12}) == ["<nil>: Invalid value: failed rule: self.x < 10"]


def test_a_reason_changes_the_kind_of_the_error():
    (error,) = Rules(of("has(self.x)", reason="FieldValueRequired", fieldPath=".x", message="give x")).check({}, None)
    assert (error.type, str(error)) == ("FieldValueRequired", "x: Required value: give x")


def test_a_transition_rule_needs_an_old_value_unless_it_is_optional():
    schema = of("self.x >= oldSelf.x", {"type": "integer"}, message="x never falls")
    assert told(schema, {"x": 1}) == []
    assert told(schema, {"x": 1}, {"x": 2}) == ["<nil>: Invalid value: x never falls"]
    optional = of(
        "oldSelf.hasValue() || self.x == 0", {"type": "integer"}, optionalOldSelf=True, message="x starts at 0"
    )
    assert told(optional, {"x": 1}) == ["<nil>: Invalid value: x starts at 0"]
    assert told(optional, {"x": 1}, {"x": 0}) == []


def test_items_of_a_keyed_list_are_compared_with_their_own_past():
    rule = {"rule": "self.size >= oldSelf.size", "message": "sizes never fall"}
    item = {"type": "object", "properties": {"size": {"type": "integer"}}, "x-kubernetes-validations": [rule]}
    keyed = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    schema = {"type": "object", "properties": {"l": keyed}}
    old = {"l": [{"name": "a", "size": 5}, {"name": "b", "size": 1}]}
    new = {"l": [{"name": "b", "size": 2}, {"name": "a", "size": 4}, {"name": "c", "size": 0}]}
    assert told(schema, new, old) == ["l[1]: Invalid value: sizes never fall"]


def test_an_unchanged_value_is_not_judged_again():
    schema = of("self.x < 10", {"type": "integer"}, message="too large")
    assert told(schema, {"x": 12}, {"x": 12}) == []


@pytest.mark.parametrize(
    ("schema", "rule", "value"),
    [
        ({"type": "string", "format": "duration"}, "self.x <= duration('1h')", "30m"),
        ({"type": "number"}, "self.x < 0.5 && self.x + 0.5 == 0.5", 0),
        (
            {"type": "string", "format": "date-time"},
            "self.x < timestamp('2027-01-01T00:00:00Z')",
            "2026-01-01T00:00:00Z",
        ),
        ({"type": "string"}, "quantity(self.x).compareTo(quantity('1500m')) == 0", "1.5"),
        (
            {"type": "array", "items": {"type": "string"}},
            "self.x.isSorted() && self.x.all(s, s.startsWith('a'))",
            ["a", "ab"],
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "self.x.all(k, self.x[k] > 0)", {"a-b": 1}),
    ],
)
def test_values_have_the_types_of_their_schema(schema, rule, value):
    assert told(of(rule, schema), {"x": value}) == []


def test_names_that_are_no_identifiers_are_escaped():
    schema = {"type": "object", "properties": {"max-size": {"type": "integer"}},
              "x-kubernetes-validations": [{"rule": "self.max__dash__size > 0"}]}  # fmt: skip
    assert told(schema, {"max-size": 1}) == []


def test_a_rule_that_fails_to_evaluate_refuses_the_object_and_says_why():
    (said,) = told(of("self.y > 0", message="y is positive"), {"x": 1})
    assert said == "<nil>: Invalid value: no such key: y evaluating rule: y is positive"


def test_a_rule_that_does_not_compile_is_named_by_its_place():
    (error,) = Rules({"type": "object", "properties": {"spec": of("self.x >")}}).errors
    assert error.path == "openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("14d", 1_209_600),
        ("1w", 604_800),
        ("1d12h", 129_600),
        ("90s", 90),
        ("1.5h", 5400),
        ("-5m", -300),
        ("2 weeks", 1_209_600),
    ],
)
def test_durations_are_read_as_the_api_server_reads_them(text, seconds):
    assert go_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "14", "d", "1fortnight", "1h nonsense"])
def test_what_is_no_duration_is_none(text):
    assert go_duration(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("1500m", 1.5), ("2Ki", 2048), ("1e3", 1000), ("-0.5", -0.5), ("3k", 3000)]
)
def test_quantities_are_exact(text, value):
    assert quantity(text) == value


def test_what_is_no_quantity_is_told_with_the_cure():
    with pytest.raises(ValueError, match="write a number with an optional suffix such as 500m or 2Gi"):
        quantity("95%")
