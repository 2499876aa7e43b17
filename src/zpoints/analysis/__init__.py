"""The questions asked of one cloud of vectors: one module a question, `analyse` asks all of them."""
