"""What a comparison of two clouds asks: one module per question, and one that puts the answers into words."""
