"""The compiled core of the decision: the rules as arithmetic, one function for a live tick and for a replay."""
