"""The stages of a run, up to the judge; what people look at is made above, by the report."""
