"""The numeric core: one small part a file, compiled by numba, on plain arrays; `advance` puts them together."""
