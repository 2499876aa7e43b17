"""The report: one page with everything in it, and the lines that a command ends with."""
