"""From a ModelDeployment to its engines: read, decide, build, report."""
