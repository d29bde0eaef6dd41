"""From the autoscaler that is there to the `BayesianAutoscaler` that behaves like it: a HorizontalPodAutoscaler of
autoscaling/v2 or v1, or a ScaledObject of KEDA. Pure: objects in, a manifest and what to know about it out.
"""

from .documents import Documents, read_documents
from .hpa import from_hpa
from .notes import Migrated, MigrateError, Note, Topic
from .scaledobject import from_scaledobject
from .steering import Steering, steering_of
from .unsaid import Unsaid

__all__ = [
    "Documents",
    "MigrateError",
    "Migrated",
    "Note",
    "Steering",
    "Topic",
    "Unsaid",
    "from_hpa",
    "from_scaledobject",
    "read_documents",
    "steering_of",
]
