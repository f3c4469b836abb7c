"""A load heavy enough to see whether anything was lost: a process of its own inside the cluster's network."""
