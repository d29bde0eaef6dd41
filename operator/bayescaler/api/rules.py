"""Rules of the resource: each written once, as the CEL of the API server beside the predicate of Python.

`Rule` stands in `Annotated[...]` for one field, or in `Model.rules` for what several fields must agree on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its sentence.

    `cel` None: only the operator can judge. `holds` None: only the API server can (it knows the old object).
    `field_path` names the culprit below the model that carries the rule, as in `.minReplicas`.
    """

    message: str
    cel: str | None
    holds: Callable[[Any], bool] | None
    field_path: str | None = None

    def validation(self) -> dict[str, str]:
        """Return the rule as an entry of x-kubernetes-validations."""
        entry = {"rule": self.cel or "true", "message": self.message, "reason": "FieldValueInvalid"}
        return entry | ({"fieldPath": self.field_path} if self.field_path else {})

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        return core_schema.no_info_after_validator_function(self._checked, schema)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        if self.cel is None:
            return described
        return described | {VALIDATIONS: [*described.get(VALIDATIONS, []), self.validation()]}

    def _checked(self, value: Any) -> Any:
        require((self,), value)
        return value


def require(rules: tuple[Rule, ...], value: object) -> None:
    """Raise an error that carries every rule that `value` breaks."""
    broken = [rule for rule in rules if rule.holds is not None and not rule.holds(value)]
    if broken:
        text = "; ".join(rule.message for rule in broken)
        raise PydanticCustomError("rules", "{text}", {"text": text, "broken_rules": broken})


class Model(BaseModel):
    """Base of all parts of the resource: camelCase outside, immutable, tolerant of fields of a newer CRD."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            described[VALIDATIONS] = [rule.validation() for rule in cls.rules]
        return described

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: object) -> object:
        # The API server prunes a null where the schema has a default.
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if value is not None}
        return given

    @model_validator(mode="after")
    def _keeps_rules(self) -> Self:
        require(type(self).rules, self)
        return self


def section(part: type[Model], description: str) -> Any:
    """Return a field for a part that is complete without the user: `{}`, and so the part's defaults."""
    return Field(default_factory=part, description=description, json_schema_extra={"default": {}})
