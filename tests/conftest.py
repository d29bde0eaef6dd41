"""Property tests give the same examples on every run and know no deadline: two cores are shared."""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.load_profile("steady")
