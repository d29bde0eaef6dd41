"""The resource as a whole: its names, its model, and how an object from the API server or a file is read."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from .errors import Problem, SpecError
from .rules import Model
from .spec import Spec
from .status import Status

GROUP = "bayescaler.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "BayesianAutoscaler"
PLURAL = "bayesianautoscalers"
SINGULAR = "bayesianautoscaler"
SHORT = "bas"


class BayesianAutoscaler(Model):
    """Sizes one workload from a quantile of an online Bayesian forecast of its load."""

    api_version: Literal["bayescaler.dev/v1alpha1"] = "bayescaler.dev/v1alpha1"
    kind: Literal["BayesianAutoscaler"] = "BayesianAutoscaler"
    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: Spec = Field(description="What the user wants of one workload.")
    status: Status = Field(default_factory=Status, description="What the operator found, did and would do.")


def parse_spec(obj: Mapping[str, Any]) -> Spec:
    """Return the spec of an object, with the defaults that the API server would have set.

    Fields that this release does not know (of a newer CRD) are passed over.

    Raises:
        SpecError: with every problem found and its field path.
    """
    kind, version = obj.get("kind", KIND), obj.get("apiVersion", API_VERSION)
    if (kind, version) != (KIND, API_VERSION):
        raise SpecError((Problem("kind", f"is {version} {kind}, expected {API_VERSION} {KIND}"),))
    given = obj.get("spec")
    if given is None:
        raise SpecError((Problem("spec", "is required"),))
    try:
        return Spec.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise SpecError.of(error, "spec") from error
