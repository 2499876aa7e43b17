"""From pictures, wherever they come from, to one array on disk.

`source.Source` is what gives pictures, `sources.open_source` finds the one that is meant, `decoding.Cut`
brings each picture to one size, `prepare.prepare` writes them, and `store.ImageStore` is what later stages
read.
"""
