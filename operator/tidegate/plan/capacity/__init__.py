"""Where engines have room: nodes and what is asked for on them in, numbers of engines out."""
