"""What the response cache costs and saves: latencies by layer, hits a second beside others, and a workload whose questions repeat."""
