"""The only code that talks to the API server: raw JSON over `kubernetes.aio`, projected on arrival."""
