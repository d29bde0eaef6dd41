"""What `kubectl get` prints: ages in kubectl's short form, and JSONPaths of printer columns."""

import pytest

from bayescaler.sandbox.server.columns import custom_columns, json_path, short_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (119, "119s"), (120, "2m"), (192, "3m12s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"),
        (7 * 3600 + 300, "7h5m"), (30 * 3600, "30h"), (3 * 86_400 + 4 * 3600, "3d4h"), (12 * 86_400, "12d"),
        (761 * 86_400, "2y31d"), (-5, "0s"),
    ],
)  # fmt: skip
def test_ages_are_short(seconds, text):
    assert short_duration(seconds) == text


OBJECT = {
    "spec": {"target": {"name": "web"}, "sizes": [1, 2], "paused": False},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Paused", "status": "False"}]},
    "metadata": {"creationTimestamp": "1970-01-01T00:00:00Z", "labels": {"a.b/c": "d"}},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.target.name", ["web"]),
        (".spec.sizes[1]", [2]),
        (".spec.sizes[*]", [1, 2]),
        (".spec.nothing.below", []),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".metadata.labels['a.b/c']", ["d"]),
    ],
)
def test_a_path_finds_what_it_names(path, found):
    assert json_path(path)(OBJECT) == found


def test_a_path_richer_than_columns_need_is_refused_with_the_cure():
    with pytest.raises(ValueError, match="use fields, indices"):
        json_path("{range .items[*]}{.x}{end}")


def test_cells_are_shown_by_the_type_of_their_column():
    columns = custom_columns(
        [
            {"name": "Paused", "type": "boolean", "jsonPath": ".spec.paused"},
            {"name": "Sizes", "type": "string", "jsonPath": ".spec.sizes[*]"},
            {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            {"name": "Nothing", "type": "string", "jsonPath": ".spec.nothing"},
        ]
    )
    assert [column.cell(OBJECT, 300.0) for column in columns[1:]] == [False, "1,2", "5m", None]
