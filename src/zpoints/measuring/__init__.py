"""From vectors on disk to tables: the readings, and one module per question that is asked of the vectors."""
