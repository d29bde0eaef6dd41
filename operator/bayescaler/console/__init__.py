"""The console: a read-only page on what the operator knows, for those whom the API server lets read the objects."""
