"""The questions asked of two clouds: one module a question, `compare` asks all of them."""
