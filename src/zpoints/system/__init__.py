"""What a machine allows: limits, budget, threads, stopping, progress, locks, devices."""
