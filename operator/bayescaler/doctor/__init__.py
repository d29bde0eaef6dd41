"""Is a cluster, or one object, fit for its work? Facts are read at the edge, and pure checks make findings of them."""
