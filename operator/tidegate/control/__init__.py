"""How it runs: kopf watches, a store remembers, a queue orders the work, a Lease says who acts."""
