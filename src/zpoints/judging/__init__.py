"""The judge: which sampler's pictures and vectors are nearest to held-out ones, and does it copy?"""
